import JSON
import Jobs
import Manifest
import Testing

@Suite struct JobStateTests {
    static func status(_ state: JobState) -> JobStatus {
        JobStatus(id: "ftjob-x", state: state, createdAt: 5, manifest: Manifest(model: "m", trainingFile: "t.jsonl"))
    }

    /// What ``JobState/mayBecome(_:)`` says is what a status does: there is no other way to give it
    /// a state.
    @Test func aStatusTakesTheStepsOfAJobsLifeAndNoOthers() throws {
        for from in JobState.allCases {
            for next in JobState.allCases {
                var status = Self.status(from)
                if from == next || from.mayBecome(next) {
                    try status.become(next)
                    #expect(status.state == next)
                } else {
                    #expect(throws: ForbiddenChange(job: "ftjob-x", from: from, to: next)) { try status.become(next) }
                    #expect(status.state == from)
                }
            }
        }
    }

    /// A dry run ends where others begin to wait.
    @Test func onlyAWorkerThatTrainsOrValidatesCanSucceed() {
        for state in JobState.allCases {
            #expect(state.mayBecome(.succeeded) == [.running, .validatingFiles].contains(state))
        }
    }

    @Test func exitCodesAreDistinctAndTheirListNamesEachOnce() {
        #expect(WorkerExit.allCases.map(\.rawValue) == [0, 1, 3, 4, 28, 70, 71, 75])
        #expect(WorkerExit.sentence([.succeeded, .paused]) == "Exit codes: 0 succeeded, 4 paused.")
        #expect(DaemonExit.list().contains("75 another talad works on the spool"))
        #expect(CommandExit.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 75, 78, 130])
    }

    @Test func theWordsThatProgramsReadAreLowerCaseWithUnderscores() {
        let words = EventCode.allCases.map(\.rawValue) + FailureCode.allCases.map(\.rawValue) + StateReason.allCases.map(\.rawValue)
        for word in words { #expect(word.allSatisfy { $0 == "_" || ("a"..."z").contains($0) }, "\(word)") }
    }

    @Test func planFiguresAreReadBackAndThoseWithoutAChoiceAreNone() throws {
        let figures = PlanFigures(
            microBatchTokens: 1024, recomputedLayers: 2, logitsBytes: 8 << 20, baseWeights: "stored", arenaBytes: 1, persistentBytes: 2,
            mappedWeightBytes: 3, exchangeBytes: 4, deviceBytes: 5, workspaceBytes: 6, programBytes: 7, peakBytes: 8,
            floatingPointOperations: 9, kernelCalls: 10)
        #expect(PlanFigures(json: figures.json) == figures)
        #expect(PlanFigures(json: ["arena_bytes": 5]) == nil && PlanFigures(json: nil) == nil)
        #expect(PlanFigures(json: ["micro_batch_tokens": 0, "recomputed_layers": 0, "logits_bytes": 1, "base_weights": "q8"]) == nil)
    }
}
