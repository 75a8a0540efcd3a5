import Foundation
import JSON
import TestSupport
import Testing

/// `tala plan --device-profile NAME`: a job planned for a card that is not there.
@Suite struct CardPlanTests {
    static let cards = ["rx-7900-xtx", "rx-6800", "radeon-780m", "arc-a770", "rtx-3060", "h100"]

    /// The demonstration's model and data, in a manifest of their own.
    static func plan(_ card: String, _ precision: String, _ options: [String] = []) throws -> BuiltProgram.Outcome {
        let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .path
        let folder = NSTemporaryDirectory() + "tala-card-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let manifest = """
            model: \(repository)/demo/model
            training_file: \(repository)/demo/tune.jsonl
            seed: 7
            method: {type: supervised, supervised: {hyperparameters: {max_steps: 10, batch_size: 8, learning_rate: 1.0e-3}}}
            adapter: {type: lora, rank: 16, alpha: 32}
            max_length: 128
            precision: \(precision)
            """
        try manifest.write(toFile: folder + "/manifest.yaml", atomically: true, encoding: .utf8)
        return try BuiltProgram(name: "tala").run(
            ["plan", "--device-profile", card] + options + [folder + "/manifest.yaml"],
            // Tokens in a cache of its own: nothing here is about what runs at the same time find
            // in one.
            environment: ["XDG_CACHE_HOME": folder + "/cache"])
    }

    @Test(arguments: cards) func aPlanForACardSaysThatItsSpeedIsAnEstimateAndFromWhat(_ card: String) throws {
        let outcome = try Self.plan(card, "float16")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("ESTIMATE, not measured"))
        #expect(outcome.output.contains("published:"))
        #expect(outcome.output.contains("tokens/s"))
        #expect(!outcome.output.contains("DOES NOT FIT"))
    }

    @Test func theFasterTheCardTheHigherTheBoundAndTheMemoryPlannedIsTheSame() throws {
        var speeds: [String: Double] = [:]
        var memory: Set<Int> = []
        for card in ["radeon-780m", "rtx-3060", "h100"] {
            let outcome = try Self.plan(card, "float32", ["--json"])
            let node = try JSONParser().parse(Array(outcome.output.utf8))
            #expect(node["estimate"]?["is_measured"]?.bool == false)
            speeds[card] = node["estimate"]?["tokens_per_second_at_most"]?.double
            memory.insert(node["device_bytes"]?.integer ?? 0)
            let parts = node["estimate"]?["parts"]?.array?.compactMap { $0["seconds"]?.double } ?? []
            let total = node["estimate"]?["seconds_at_least"]?.double ?? 0
            #expect(total > 0 && abs(parts.reduce(0, +) - total) <= 1e-9 * total)
        }
        #expect(try #require(speeds["radeon-780m"]) < #require(speeds["rtx-3060"]))
        #expect(try #require(speeds["rtx-3060"]) < #require(speeds["h100"]))
        #expect(memory.count == 1 && memory.first ?? 0 > 0)
    }

    @Test func aCardThatNobodyKnowsIsRefusedWithTheNamesOfThoseThatAre() throws {
        let outcome = try Self.plan("voodoo-2", "float32")
        #expect(outcome.status == 2)
        for card in Self.cards { #expect(outcome.errors.contains(card)) }
    }
}
