import Hummingbird
import JSON
import ServingAPI
import Storage

extension Front {
    /// What can be tuned.
    func listCatalogue(_ call: Call) async throws -> Response {
        let entries = await catalogue.entries().filter { entry in
            guard entry["kind"]?.string == "tuned", let id = entry["id"]?.string else { return true }
            return spool.isVisible(id, to: call.asker)
        }
        return Self.json(["object": "list", "data": JSONNode(entries), "has_more": false])
    }

    /// What a dry run has found, with examples of the data.
    func preview(_ call: Call) async throws -> Response {
        let id = call.parameters[0]
        _ = try spool.requireJob(id, for: call.asker)
        guard let found = spool.json(spool.path("jobs", id, "preview.json"), limit: 64 << 20) else {
            throw APIError(
                404, "The job \(id) has no preview: jobs with validate_only have one when they have ended.",
                parameter: "fine_tuning_job_id", code: "not_found")
        }
        return Self.json(found)
    }
}
