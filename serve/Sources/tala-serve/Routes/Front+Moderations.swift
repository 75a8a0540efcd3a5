import Filtering
import Hummingbird
import JSON
import ServingAPI

extension Front {
    /// `/v1/moderations`: what the filter of a deployment says of texts. Nothing is held back, and
    /// nothing of the texts is written down.
    func moderations(_ call: Call) async throws -> Response {
        let request = try ModerationRequest(try await call.json())
        let deployment = try await moderating(request.model, call)
        guard let filter = try await filters.filter(of: deployment) else {
            throw APIError(
                400, "The deployment \(deployment.name) has no filter.", parameter: "model", code: "no_filter")
        }
        let allowance = try allowance(deployment, call)
        var results: [JSONNode] = []
        for text in request.texts {
            try Task.checkCancellation()
            results.append(try await filter.moderate(text).json)
        }
        return allowance.marked(
            Self.json(["id": JSONNode("modr-" + Identifier.ulid()), "model": JSONNode(deployment.name), "results": JSONNode(results)]))
    }

    /// The deployment whose filter is meant: the one that is named, or the only one that has one.
    private func moderating(_ name: String?, _ call: Call) async throws -> Deployments.Served {
        if let name {
            guard call.asker.mayUse(name), let found = await deployments.deployment(name) else { throw APIError.modelNotFound(name) }
            return found
        }
        let all = await deployments.all.filter { call.asker.mayUse($0.name) && FilterPolicy($0.settings["filter"]) != nil }
        guard all.count == 1 else {
            throw APIError(
                400, "model is missing, and \(all.count) deployments have a filter: name one.", parameter: "model",
                code: "missing_required_parameter")
        }
        return all[0]
    }
}
