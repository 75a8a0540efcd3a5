import JSON
import Manifest
import Testing

/// One manifest that describes several jobs.
@Suite struct SweepTests {
    private static func jobs(_ text: String) throws -> ManifestJobs {
        try ManifestJobs(ManifestText(Array((ManifestTests.least + text).utf8), isYAML: true))
    }

    @Test func aSweepIsOneJobForEachCombination() throws {
        let all = try Self.jobs("sweep: {method.supervised.hyperparameters.learning_rate: [1.0e-4, 2.0e-4], adapter.rank: [4, 8, 16]}\n")
        #expect(all.jobs.count == 6)
        #expect(all.jobs.map { $0.manifest.adapter.lora?.rank } == [4, 8, 16, 4, 8, 16])
        #expect(all.jobs.map { $0.manifest.hyperparameters.learningRate.value } == [1e-4, 1e-4, 1e-4, 2e-4, 2e-4, 2e-4])
        #expect(all.jobs[4].title == "method.supervised.hyperparameters.learning_rate: 0.0002, adapter.rank: 8")
        #expect(all.jobs.allSatisfy { $0.manifest.sweep == nil })
    }

    @Test func aManifestWithoutASweepIsOneJob() throws {
        let all = try Self.jobs("")
        #expect(all.jobs.count == 1 && all.sweep == nil && all.jobs[0].values.isEmpty)
        #expect(try all.jobs[0].manifest == ManifestTests.read(ManifestTests.least))
    }

    @Test func theEndOfAPathIsEnoughWhereItIsTheOnlyOne() throws {
        let all = try Self.jobs("method: {type: dpo}\nsweep: {beta: [0.1, 0.5], rank: [4], seed: [1, 2]}\n")
        #expect(all.jobs.map { $0.manifest.seed } == [1, 2, 1, 2])
        #expect(all.jobs.allSatisfy { $0.manifest.adapter.lora?.rank == 4 })
        #expect(all.jobs.map { ($0.manifest.method.specification as? Manifest.Preference)?.beta.value } == [0.1, 0.1, 0.5, 0.5])
    }

    @Test func aSweptValueTakesThePlaceOfWhatTheManifestSays() throws {
        let all = try Self.jobs("adapter: {type: lora, rank: 32, alpha: 8}\nsweep: {rank: [4, 8]}\n")
        #expect(all.jobs.map { $0.manifest.adapter.lora?.rank } == [4, 8])
        #expect(all.jobs.allSatisfy { $0.manifest.adapter.lora?.alpha == 8 })
    }

    @Test func wholeSectionsCanBeSwept() throws {
        let all = try Self.jobs("sweep: {optimizer: [{type: lion}, {type: adamw, beta2: 0.95}], schedule.type: [linear]}\n")
        #expect(all.jobs.map { $0.manifest.json["optimizer"]?["type"]?.string } == ["lion", "adamw"])
    }

    @Test(arguments: [
        ("sweep: {rank: [4, 100000]}", "adapter.rank", "with rank: 100000"),
        ("sweep: {lerning_rate: [1.0e-4]}", "sweep.lerning_rate", "did you mean"),
        ("sweep: {beta: [0.1]}", "sweep.beta", "no key beta"), ("sweep: {type: [a]}", "sweep.type", "write the whole path"),
        ("sweep: {rank: []}", "sweep.rank", "empty list"), ("sweep: {rank: 4}", "sweep.rank", "not a list"),
        ("sweep: {rank: [4, 4]}", "sweep.rank", "4 twice"), ("sweep: {}", "sweep", "is empty"), ("sweep: [1]", "sweep", "not an object"),
        ("sweep: {sweep: [1]}", "sweep.sweep", "cannot be swept"),
        ("sweep: {rank: [4], adapter.rank: [8]}", "sweep.adapter.rank", "changes what rank changes"),
        ("sweep: {optimizer: [{type: lion}], optimizer.type: [adamw]}", "sweep.optimizer.type", "changes what optimizer changes"),
        ("seed: 3\nsweep: {seed: [1, 2, 3, 4, 5, 6, 7, 8, 9], rank: [1, 2, 3, 4, 5, 6, 7, 8]}", "sweep.rank", "more than 64 jobs"),
        ("schedule: linear\nsweep: {schedule.type: [linear]}", "sweep.schedule.type", "no object"),
        ("adapter: {type: full}\nsweep: {rank: [4]}", "adapter.rank", "no meaning with type full"),
    ])
    func aSweepThatCannotBeIsRefusedWithItsKey(text: String, param: String, message: String) {
        let error = ManifestTests.failure(ManifestTests.least + text + "\n")
        #expect(error?.param == param && error?.message.contains(message) ?? false, "\(error.map { "\($0)" } ?? "taken")")
    }

    @Test func theErrorStandsWhereTheValueDoes() throws {
        let error = try #require(ManifestTests.failure(ManifestTests.least + "sweep:\n  rank:\n    - 4\n    - 0\n"))
        #expect(error.position?.line == 6, "\(error)")
    }

    @Test func aSweepIsWrittenSoThatItReadsTheSame() throws {
        let manifest = try ManifestTests.read(ManifestTests.least + "sweep: {rank: [4, 8], optimizer: [{type: lion}]}\n")
        let again = try ManifestTests.read(JSONWriter().string(manifest.json), yaml: false)
        #expect(again == manifest && manifest.sweep?.axes.count == 2 && manifest.adapter.lora?.rank == 4)
    }
}
