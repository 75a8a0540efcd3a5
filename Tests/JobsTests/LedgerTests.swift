import JSON
import Jobs
import Manifest
import Testing

@Suite struct LedgerTests {
    static func full() -> Ledger {
        var ledger = Ledger(state: .paused)
        ledger.reason = .costLimit
        ledger.error = .init(code: .notFinite, message: "m", param: "p")
        ledger.finishedAt = 1
        ledger.device = "cpu"
        ledger.attempts = 2
        ledger.crashes = CrashRecord(count: 1, step: 3, checkpoint: 2)
        ledger.checkpoint = "step-000002"
        ledger.checkpointedAt = 4
        ledger.neededBytes = 5
        ledger.usage.add(deviceSeconds: 6.5, trainedTokensInAll: 7, month: "2026-11")
        ledger.grantedUsage = .init(trainedTokens: 8, deviceSeconds: 9)
        ledger.trainedTokens = 10
        ledger.fineTunedModel = "ft:m::x"
        ledger.resultFiles = ["metrics.csv"]
        ledger.plan = PlanFigures(
            microBatchTokens: 64, recomputedLayers: 1, logitsBytes: 1, baseWeights: "q8", arenaBytes: 10, persistentBytes: 20,
            mappedWeightBytes: 30, exchangeBytes: 40, deviceBytes: 60, workspaceBytes: 50, programBytes: 70, peakBytes: 80,
            floatingPointOperations: 1, kernelCalls: 1)
        return ledger
    }

    @Test func aLedgerIsReadBackAsItWasWritten() throws {
        let ledger = Self.full()
        #expect(Ledger(json: try JSONParser().parse(JSONWriter().string(ledger.json))) == ledger)
        #expect(Ledger(json: ["state": "asleep"]) == nil && Ledger(json: [:]) == nil)
    }

    /// Nothing of a ledger is lost where only its rendering is left.
    @Test func theStatusShowsAllOfTheLedger() throws {
        let manifest = Manifest(model: "m", trainingFile: "t.jsonl")
        let status = JobStatus(id: "ftjob-x", ledger: Self.full(), createdAt: 5, manifest: manifest)
        #expect(JobStatus(json: try JSONParser().parse(JSONWriter().string(status.json)))?.ledger == Self.full())
    }

    @Test func whatWasMeteredSinceTheLastEntryIsTakenAndNothingElse() {
        var ledger = Self.full()
        var shown = Ledger(state: .running)
        shown.attempts = 9
        shown.usage.add(deviceSeconds: 100, trainedTokensInAll: 3, month: "2026-11")
        shown.usage.add(deviceSeconds: 1, trainedTokensInAll: 5, month: "2026-12")
        shown.trainedTokens = 20
        ledger.takeLater(shown)
        #expect(ledger.usage.months["2026-11"] == .init(trainedTokens: 7, deviceSeconds: 100))
        #expect(ledger.usage.months["2026-12"] == .init(trainedTokens: 2, deviceSeconds: 1) && ledger.trainedTokens == 20)
        #expect(ledger.state == .paused && ledger.attempts == 2)
    }
}
