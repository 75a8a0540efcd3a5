import Foundation
import Hummingbird
import JSON
import ServingAPI
import Storage

extension Front {
    func ready(_ call: Call) async throws -> Response {
        let all = await deployments.all
        guard all.contains(where: { $0.state == "ready" }) else {
            throw APIError(503, "No deployment is ready.", code: "not_ready", retryAfter: 2)
        }
        return Self.json(["status": "ready"])
    }

    // MARK: Models

    func models(_ call: Call) async throws -> Response {
        Self.json(ModelListing.list(await deployments.all.filter { call.asker.mayUse($0.name) }.map(Self.model)))
    }

    func model(_ call: Call) async throws -> Response {
        let name = call.parameters[0]
        if call.asker.mayUse(name), let deployment = await deployments.deployment(name) { return Self.json(Self.model(deployment)) }
        // A tuned model that is not deployed is found by its job.
        if Spool.isJob(name), spool.isVisible(name, to: call.asker), let status = spool.json(spool.path("jobs", name, "status.json")),
            status["status"]?.string == "succeeded"
        {
            return Self.json(
                ModelListing.model(
                    name, created: status["created_at"]?.integer ?? 0,
                    tala: ["job": JSONNode(name), "base": status["model"] ?? .null, "state": "not_deployed"]))
        }
        throw APIError.modelNotFound(name)
    }

    private static func model(_ deployment: Deployments.Served) -> JSONNode {
        let (settings, place) = (deployment.settings, deployment.place)
        return ModelListing.model(
            deployment.name, created: deployment.since,
            tala: [
                "base": name(place["base"]), "job": place["job"] ?? .null, "adapter": JSONNode(place["adapter"] != nil),
                "context_length": settings["context_length"] ?? .null, "state": JSONNode(deployment.state),
                "filter": settings["filter"]?["mode"] ?? "off",
            ])
    }

    /// A path's last word: where files lie is nobody's business.
    private static func name(_ path: JSONNode?) -> JSONNode {
        path?.string.flatMap { $0.split(separator: "/").last }.map { JSONNode(String($0)) } ?? .null
    }

    /// Deletes a tuned model: its job, by way of the daemon.
    func deleteModel(_ call: Call) async throws -> Response {
        let name = call.parameters[0]
        let using = await deployments.all.filter { deployment in
            let models = [deployment.settings["model"], deployment.settings["filter"]?["model"]].compactMap { $0?.string }
            return deployment.name == name || models.contains { $0 == name || $0.hasPrefix(name + ":") }
        }
        guard using.isEmpty else {
            let names = using.map(\.name).joined(separator: ", ")
            throw APIError(
                409, "\(name) is deployed as \(names): delete the deployment first.", parameter: "model", code: "model_is_deployed")
        }
        guard Spool.isJob(name) else {
            guard FolderListing.exists(spool.path("models", name)), !name.contains("/"), !name.hasPrefix(".") else {
                throw APIError.modelNotFound(name)
            }
            throw APIError(403, "\(name) is a base model, which is not deleted here.", parameter: "model", code: "base_model")
        }
        _ = try spool.requireJob(name, for: call.asker)
        try spool.write("", spool.path("control", name + ".delete"))
        for _ in 0..<100 {
            if !FolderListing.exists(spool.path("jobs", name)) { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        guard !FolderListing.exists(spool.path("jobs", name)) else {
            throw APIError(409, "\(name) has not been deleted: its events say why.", parameter: "model", code: "not_deleted")
        }
        return Self.json(["id": JSONNode(name), "object": "model", "deleted": true])
    }

    // MARK: Deployments

    private static func object(_ deployment: Deployments.Served) -> JSONNode {
        [
            "id": JSONNode(deployment.name), "object": "deployment", "model": deployment.settings["model"] ?? .null,
            "state": JSONNode(deployment.state), "error": deployment.error.map { ["message": JSONNode($0)] } ?? .null,
            "since": JSONNode(deployment.since), "requests": JSONNode(deployment.requests), "tokens": JSONNode(deployment.tokens),
            "load": deployment.load ?? .null, "next": deployment.next.map { JSONNode($0) } ?? .null, "settings": deployment.settings,
            "job": deployment.place["job"] ?? .null, "base": name(deployment.place["base"]),
        ]
    }

    func listDeployments(_ call: Call) async throws -> Response {
        Self.json([
            "object": "list", "data": JSONNode(await deployments.all.filter { call.asker.mayUse($0.name) }.map(Self.object)),
            "has_more": false,
        ])
    }

    func showDeployment(_ call: Call) async throws -> Response {
        Self.json(Self.object(try await deployment(call.parameters[0], call)))
    }

    /// What a key is not for does not exist for it.
    private func deployment(_ name: String, _ call: Call) async throws -> Deployments.Served {
        guard call.asker.mayUse(name), let deployment = await deployments.deployment(name) else {
            throw APIError(404, "There is no deployment \(APIError.shown(JSONNode(name))).", code: "not_found")
        }
        return deployment
    }

    /// Writes the file that the daemon accepts; JSON is YAML too.
    func putDeployment(_ call: Call) async throws -> Response {
        let name = call.parameters[0]
        let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-".utf8)
        guard name.utf8.count <= 64, name.utf8.allSatisfy({ allowed.contains($0) }), !name.hasPrefix("."), !name.hasPrefix("-"),
            !name.hasPrefix("ftjob-")
        else {
            throw APIError(
                400, "A deployment's name has up to 64 letters, digits, '.', '_' and '-'.", parameter: "name", code: "invalid_value")
        }
        guard call.asker.mayUse(name) else {
            throw APIError(403, "The key is not for deployments of this name.", parameter: "name", code: "insufficient_role")
        }
        let body = try await call.json()
        guard body.object != nil else { throw APIError(400, "The body must be an object.", code: "invalid_type") }
        let file = spool.path("deployments", name + ".yaml")
        let former = try? DurableFiles.read(file, limit: 1 << 20)
        try spool.write(JSONWriter().string(body) + "\n", file)
        let version = FileVersion.mark(file)
        // The daemon says what is wrong with it.
        for _ in 0..<100 {
            if let document = spool.json(spool.path("deployments", ".accepted", name + ".json")), document["version"]?.string == version {
                if document["state"]?.string == "failed" {
                    // What was served before is served on.
                    if let former { try spool.write(String(decoding: former, as: UTF8.self), file) } else { FolderListing.delete(file) }
                    throw APIError(
                        400, document["error"]?["message"]?.string ?? "It is not valid.", code: document["error"]?["code"]?.string)
                }
                if former == nil { try await requireRoom(name, document) }
                break
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        for _ in 0..<40 where await deployments.deployment(name) == nil { try await Task.sleep(for: .milliseconds(50)) }
        return Self.json(Self.object(try await deployment(name, call)))
    }

    func deleteDeployment(_ call: Call) async throws -> Response {
        let name = try await deployment(call.parameters[0], call).name
        do { try DurableFiles.remove(spool.path("deployments", name + ".yaml")) } catch {
            throw APIError(500, "The spool cannot be written.", code: "spool_error")
        }
        return Self.json(["id": JSONNode(name), "object": "deployment", "deleted": true])
    }

    func pauseDeployment(_ call: Call, _ pauses: Bool) async throws -> Response {
        let name = try await deployment(call.parameters[0], call).name
        let mark = spool.path("deployments", ".paused", name)
        if pauses { try spool.write("", mark) } else { FolderListing.delete(mark) }
        return Self.json(Self.object(try await deployment(name, call)))
    }
}
