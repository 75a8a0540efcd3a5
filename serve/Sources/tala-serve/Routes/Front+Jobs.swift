import Foundation
import Hummingbird
import JSON
import ServingAPI
import Storage

extension Front {
    func jobs(_ call: Call) async throws -> Response {
        let seen = spool.jobs.reversed().filter { spool.isVisible($0, to: call.asker) }
        var all = seen.compactMap { spool.json(spool.path("jobs", $0, "status.json")) }
        // Metadata as metadata[key]=value, whose brackets clients escape.
        for (escapedName, escapedValue) in call.request.uri.queryParameters {
            let name = String(escapedName).removingPercentEncoding ?? ""
            let value = String(escapedValue).removingPercentEncoding ?? ""
            guard name.hasPrefix("metadata["), name.hasSuffix("]") else { continue }
            let key = String(name.dropFirst(9).dropLast())
            all = all.filter { $0["metadata"]?[key]?.string == value }
        }
        return Self.json(try Page(all, call, defaultLimit: 20).json)
    }

    func job(_ call: Call) async throws -> Response { Self.json(try spool.requireJob(call.parameters[0], for: call.asker)) }

    /// Drops the manifest and waits for what the daemon says of it.
    func createJob(_ call: Call) async throws -> Response {
        var body = try await call.json()
        guard let members = body.object else { throw APIError(400, "The body must be an object.", code: "invalid_type") }
        // Files are named by the ids that uploading gave.
        body = JSONNode(
            try members.map { member in
                guard ["training_file", "validation_file"].contains(member.key), let id = member.node.string, id.hasPrefix("file-") else {
                    return member
                }
                return JSONMember(member.key, JSONNode(try uploaded(id, call.asker, parameter: member.key).name))
            })
        try checkReferences(body, call.asker)
        let name = call.asker.dropName
        try spool.write(JSONWriter().string(body) + "\n", spool.path("incoming", name))
        for _ in 0..<200 {
            if let refusal = spool.json(spool.path("rejected", name, "error.json")) {
                throw APIError(
                    400, refusal["message"]?.string ?? "The manifest is refused.", parameter: refusal["param"]?.string,
                    code: refusal["code"]?.string)
            }
            for id in spool.jobs.suffix(50).reversed() where spool.json(spool.path("jobs", id, "job.json"))?["drop"]?.string == name {
                if let status = spool.json(spool.path("jobs", id, "status.json")) { return Self.json(status) }
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        FolderListing.delete(spool.path("incoming", name))
        throw APIError(503, "The daemon does not answer: is talad running?", code: "daemon_not_running", retryAfter: 10)
    }

    func events(_ call: Call) async throws -> Response {
        _ = try spool.requireJob(call.parameters[0], for: call.asker)
        let all = spool.lines(spool.path("jobs", call.parameters[0], "events.jsonl")).reversed()
        return Self.json(try Page(Array(all), call, defaultLimit: 20).json)
    }

    /// Complete checkpoints, the newest first.
    func checkpoints(_ call: Call) async throws -> Response {
        let id = call.parameters[0]
        _ = try spool.requireJob(id, for: call.asker)
        let folder = spool.path("jobs", id, "checkpoints")
        let names = ((try? FolderListing.names(in: folder)) ?? []).filter { $0.hasPrefix("step-") }.sorted().reversed()
        let all = names.compactMap { name -> JSONNode? in
            guard let step = Int(name.dropFirst(5)), FolderListing.exists(folder + "/" + name + "/COMPLETE") else { return nil }
            var information = stat()
            _ = stat(folder + "/" + name, &information)
            return [
                "id": JSONNode("ftckpt-\(id.dropFirst(6))-\(step)"), "object": "fine_tuning.job.checkpoint",
                "created_at": JSONNode(Int(information.st_mtim.tv_sec)), "fine_tuned_model_checkpoint": JSONNode("\(id):\(name)"),
                "fine_tuning_job_id": JSONNode(id), "step_number": JSONNode(step), "metrics": metrics(of: id, step: step),
            ]
        }
        return Self.json(try Page(all, call, defaultLimit: 10).json)
    }

    private func metricsRows(_ id: String) -> (names: [String], rows: [[Substring]]) {
        guard let bytes = try? DurableFiles.read(spool.path("jobs", id, "metrics.csv"), limit: 64 << 20) else { return ([], []) }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        let rows = lines.dropFirst().map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        return (lines.first?.split(separator: ",", omittingEmptySubsequences: false).map(String.init) ?? [], Array(rows))
    }

    private func metrics(of id: String, step: Int) -> JSONNode {
        let (names, rows) = metricsRows(id)
        guard let row = rows.last(where: { $0.first.flatMap { Int($0) } == step }) else { return [:] }
        return JSONNode(zip(names, row).compactMap { name, text in Double(text).map { JSONMember(name, JSONNode($0)) } })
    }

    /// Every step's figures, as lists by name.
    func metrics(_ call: Call) async throws -> Response {
        _ = try spool.requireJob(call.parameters[0], for: call.asker)
        let (names, rows) = metricsRows(call.parameters[0])
        return Self.json(
            JSONNode(
                names.enumerated().map { index, name in
                    JSONMember(
                        name,
                        JSONNode(rows.map { row in row.indices.contains(index) ? Double(row[index]).map { JSONNode($0) } ?? .null : .null })
                    )
                }))
    }

    /// Has the daemon cancel, pause or resume a job.
    func control(_ call: Call, _ verb: String) async throws -> Response {
        let id = call.parameters[0]
        let status = try spool.requireJob(id, for: call.asker)
        let state = status["status"]?.string ?? ""
        let isFinal = ["succeeded", "failed", "cancelled"].contains(state)
        guard !isFinal, verb != "resume" || state == "paused", verb != "pause" || state != "paused" else {
            throw APIError(409, "The job is \(state): \(verb) has no effect.", code: "wrong_state")
        }
        try spool.write("", spool.path("control", "\(id).\(verb)"))
        // What comes of it shows within a moment, or later where a worker has a step to end.
        for _ in 0..<20 {
            let now = try spool.requireJob(id, for: call.asker)
            if now["status"]?.string != state { return Self.json(now) }
            try await Task.sleep(for: .milliseconds(50))
        }
        return Self.json(try spool.requireJob(id, for: call.asker))
    }
}
