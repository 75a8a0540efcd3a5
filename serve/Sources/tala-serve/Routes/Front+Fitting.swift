import JSON
import ServingAPI
import Storage

extension Front {
    /// Takes a new deployment back that does not fit its device. Where that cannot be told, since
    /// the device is not this program's to see, its engine will tell.
    /// - Throws: ``APIError``: 507 with the bytes, and what would fit.
    func requireRoom(_ name: String, _ document: JSONNode) async throws {
        guard var needs = EngineHost.Arguments(settings: document["settings"] ?? [:], place: document["place"] ?? [:]) else { return }
        needs.adapterSlots = 4
        let answer = await EngineQuestion.ask(catalogue.program, ["--plan"] + needs.words)
        guard case .answer(let plan) = answer, plan["fits"]?.bool == false else { return }
        FolderListing.delete(spool.path("deployments", name + ".yaml"))
        let slots = plan["fitting_slots"]?.integer.map { "; slots: \($0) would fit" } ?? "; not even one slot fits"
        throw APIError(
            507,
            "The deployment needs \(plan["bytes"]?.integer ?? 0) bytes, and the device has \(plan["available_bytes"]?.integer ?? 0)\(slots).",
            parameter: "slots", code: "does_not_fit")
    }
}
