import JSON
import ServingAPI
import Storage

extension Front {
    /// Takes a new deployment back that does not fit its device. Where that cannot be told, since
    /// the device is not this program's to see, its engine will tell.
    /// - Throws: ``APIError``: 507 with the bytes, and what would fit.
    func requireRoom(_ name: String, _ document: JSONNode) async throws {
        let (settings, place) = (document["settings"] ?? [:], document["place"] ?? [:])
        guard let base = place["base"]?.string else { return }
        func number(_ key: String, _ standard: Int) -> String { "\(settings[key]?.integer ?? standard)" }
        let hasAdapter = place["adapter"] != nil
        let answer = await EngineQuestion.ask(
            catalogue.program,
            [
                "--plan", "--model", base, "--device", settings["device"]?.string ?? "auto", "--base-weights",
                settings["base_weights"]?.string ?? "stored", "--cache-type", settings["cache_type"]?.string ?? "float32",
                "--context-length", number("context_length", 2048), "--slots", number("slots", 8), "--cache-memory",
                "\(((settings["cache_memory"]?.integer ?? 0) + 1_048_575) >> 20)", "--adapter-rank",
                "\(hasAdapter ? place["rank"]?.integer ?? 0 : 0)", "--adapter-slots", "4",
            ])
        guard case .answer(let plan) = answer, plan["fits"]?.bool == false else { return }
        FolderListing.delete(spool.path("deployments", name + ".yaml"))
        let slots = plan["fitting_slots"]?.integer.map { "; slots: \($0) would fit" } ?? "; not even one slot fits"
        throw APIError(
            507,
            "The deployment needs \(plan["bytes"]?.integer ?? 0) bytes, and the device has \(plan["available_bytes"]?.integer ?? 0)\(slots).",
            parameter: "slots", code: "does_not_fit")
    }
}
