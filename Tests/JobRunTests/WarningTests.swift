import Jobs
import Manifest
import Preparation
import Testing
import Training

@testable import Worker

/// What a careful person would say of a job before it runs, and in its first steps.
@Suite struct WarningTests {
    /// A job about which there is nothing to say, changed.
    private static func codes(
        rate: Double = 2e-4, warmup: Int = 0, steps: Int = 300, batch: Int = 8, examples: Int = 800, trained: Int = 50_000, leaked: Int = 0,
        change: (inout Manifest) -> Void = { _ in }
    ) -> [String] {
        warnings(rate, warmup, steps, batch, examples, trained, leaked, change).map(\.code)
    }

    private static func warnings(
        _ rate: Double, _ warmup: Int, _ steps: Int, _ batch: Int, _ examples: Int, _ trained: Int, _ leaked: Int,
        _ change: (inout Manifest) -> Void = { _ in }
    ) -> [JobWarning] {
        var manifest = Manifest(model: "m", trainingFile: "t.jsonl")
        change(&manifest)
        var figures = JobFigures(
            manifest: manifest, schedule: LearningRateSchedule(shape: .cosine, peakRate: rate, warmupSteps: warmup, totalSteps: steps),
            batchSize: batch, exampleCount: examples, tokenCount: 100_000, trainedTokenCount: trained)
        figures.leakedCount = leaked
        return WarningRule.warnings(figures)
    }

    @Test func aUsualJobHasNoWarning() { #expect(Self.codes().isEmpty) }

    @Test func everyWarningIsGivenWhereItIsDueAndNotBefore() {
        #expect(Self.codes(warmup: 299).isEmpty && Self.codes(warmup: 300) == ["warmup_too_long"])
        #expect(Self.codes(rate: 0) == ["learning_rate_zero"])
        #expect(Self.codes(rate: 5e-3).isEmpty && Self.codes(rate: 0.006) == ["learning_rate_unusual"])
        #expect(Self.codes(rate: 2e-6).isEmpty && Self.codes(rate: 1e-6) == ["learning_rate_unusual"])
        let full = Self.codes(rate: 2e-3, change: { $0.adapter = .full })
        #expect(full == ["learning_rate_unusual"])
        var lora = Manifest.LoRA()
        lora.alpha = 0
        let silent = Self.codes(change: { [lora] in $0.adapter = .lora(lora) })
        #expect(silent == ["alpha_zero"])
        #expect(Self.codes(batch: 800).isEmpty && Self.codes(batch: 801) == ["batch_exceeds_examples"])
        #expect(Self.codes(steps: 7, batch: 8).isEmpty)
        #expect(Self.codes(steps: 7, batch: 7) == ["few_examples_seen"])
        #expect(Self.codes(leaked: 1) == ["leaked_examples"])
        #expect(Self.codes(trained: 1000).isEmpty && Self.codes(trained: 999) == ["few_trained_tokens"])
    }

    @Test func aWarmUpThatIsTooLongIsSaidWithTheHighestRateThatIsReached() throws {
        let warning = try #require(Self.warnings(2e-4, 100, 3, 8, 800, 50_000, 0).first)
        #expect(warning.param == "schedule.warmup_steps")
        #expect(
            warning.message.contains("longer than the run (3 steps): the highest rate will be 4.0e-6, not 2.0e-4"), "\(warning.message)")
    }

    @Test func theCodesAreDifferent() { #expect(Set(WarningRule.all.map(\.code)).count == WarningRule.all.count) }

    private static func rows(_ losses: [Double]) -> [MetricsRow] {
        losses.enumerated().compactMap { MetricsRow(line: "\($0.offset + 1),\($0.element),0.5,,,,,0.001,1.0,100,1000.0,1.0") }
    }

    @Test func aLossThatRisesOverTheFirstTenthIsSaidOnce() {
        func warnings(_ losses: [Double], steps: Int, from resumed: Int = 0) -> [JobWarning] {
            let rows = Self.rows(losses)
            var watch = RisingLoss(totalSteps: steps, rows: Array(rows.prefix(resumed)))
            return rows.dropFirst(resumed).compactMap { watch.add($0) }
        }
        let rising = (0..<200).map { 2 + Double($0) / 10 }
        let noise = (0..<200).map { 2 + ($0 % 2 == 0 ? 0.5 : -0.5) }
        let falling = (0..<200).map { 2 - Double($0) / 200 }
        #expect(warnings(rising, steps: 200).map(\.code) == ["loss_rises"])
        #expect(warnings(noise, steps: 200).isEmpty && warnings(falling, steps: 200).isEmpty)
        #expect(warnings(Array(rising.prefix(9)), steps: 9).isEmpty, "nine steps say nothing")
        // A resumed run says it where the unbroken one does, and not twice.
        #expect(warnings(rising, steps: 200, from: 15).count == 1 && warnings(rising, steps: 200, from: 20).isEmpty)
    }
}
