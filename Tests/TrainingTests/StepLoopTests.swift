import CPUBackend
import Datasets
import Jobs
import Manifest
import Models
import Testing
import Training

@Suite struct StepLoopTests {
    /// Writes down what it is told, and stops where it is told to.
    private final class Notes: StepObserver {
        var lines: [String] = []
        var stopAfter = Int.max

        func stepBegins(_ number: Int, isNew: Bool) { lines.append("begins \(number)\(isNew ? "" : " again")") }
        func deviceReturned() { lines.append("returned") }
        func parametersChanged(by step: StepResult, isNew: Bool) { lines.append("changed \(step.step)") }
        func evaluationBegins(of step: StepResult) { lines.append("evaluates \(step.step)") }
        func stepEnded(_ step: StepResult, row: MetricsRow) {
            lines.append("ended \(step.step)\(row.fullValidLoss == nil ? "" : " with validation")")
        }
        func mustStop(after step: StepResult, row: MetricsRow) -> Bool { step.step >= stopAfter }
    }

    private static func makeRun(steps: Int, stepsDone: Int = 0) throws -> TrainingRun {
        let tiny = try TinyRun(
            model: TinyRun.demo.model, data: TinyRun.demo.data, adapter: AdapterSettings(rank: 2, alpha: 4), optimizer: AdamWOptimizer(),
            device: CPUDevice(),
            settings: RunSettings(
                batchSize: 4, totalSteps: steps,
                schedule: LearningRateSchedule(shape: .constant, peakRate: 1e-3, warmupSteps: 0, totalSteps: steps), seed: 1,
                isShuffled: false,
                microBatchTokens: 512),
            stepsDone: stepsDone)
        return TrainingRun(
            session: tiny.run.session, training: tiny.run.training, validation: tiny.run.training.split(fraction: 0.1, seed: 1).validation,
            settings: tiny.run.settings, stepsDone: stepsDone)
    }

    private static let fresh = CheckpointState(step: 0, trainedTokens: 0, fingerprint: InputFingerprint())

    @Test func everyWatcherIsToldOfEachStepInOrder() throws {
        let (first, second) = (Notes(), Notes())
        let loop = StepLoop(try Self.makeRun(steps: 2), from: Self.fresh, lastRow: nil, observers: [first, second])
        #expect(try loop.steps() == .finished)
        #expect(
            first.lines == [
                "begins 1", "returned", "changed 1", "returned", "ended 1", "begins 2", "returned", "changed 2", "evaluates 2", "returned",
                "ended 2 with validation",
            ])
        #expect(second.lines == first.lines)
        #expect(loop.state.step == 2 && loop.state.trainedTokens > 0 && loop.state.pendingEvaluation == nil)
        #expect(loop.lastRow?.step == 2 && loop.lastRow?.trainedTokens == loop.state.trainedTokens)
    }

    @Test func aWatcherCanEndTheLoopAfterAnyStep() throws {
        let notes = Notes()
        notes.stopAfter = 1
        let loop = StepLoop(try Self.makeRun(steps: 3), from: Self.fresh, lastRow: nil, observers: [notes])
        #expect(try loop.steps() == .stopped)
        #expect(loop.state.step == 1 && notes.lines.last == "ended 1")
    }

    @Test func nothingOfAStepThatIsBrokenOffCounts() throws {
        let notes = Notes()
        let run = try Self.makeRun(steps: 3)
        let loop = StepLoop(run, from: Self.fresh, lastRow: nil, observers: [notes])
        run.isCancelled = { notes.lines.contains("begins 2") }
        #expect(try loop.steps() == .stepBrokenOff)
        #expect(loop.state.step == 1 && loop.lastRow?.step == 1)
        #expect(Array(notes.lines.suffix(2)) == ["begins 2", "returned"])
    }

    /// A later run does the evaluation alone, and counts neither the step nor its tokens again.
    @Test func anEvaluationThatIsBrokenOffStaysOpenAndComesFirstInTheNextRun() throws {
        let notes = Notes()
        let run = try Self.makeRun(steps: 1)
        let loop = StepLoop(run, from: Self.fresh, lastRow: nil, observers: [notes])
        run.isCancelled = { notes.lines.contains("evaluates 1") }
        #expect(try loop.steps() == .evaluationBrokenOff)
        #expect(loop.state.step == 1 && loop.state.pendingEvaluation?.step == 1)
        let later = Notes()
        let next = StepLoop(try Self.makeRun(steps: 1, stepsDone: 1), from: loop.state, lastRow: nil, observers: [later])
        #expect(try next.steps() == .finished)
        #expect(later.lines == ["begins 1 again", "returned", "changed 1", "evaluates 1", "returned", "ended 1 with validation"])
        #expect(next.state.trainedTokens == loop.state.trainedTokens && next.state.pendingEvaluation == nil)
        #expect(next.lastRow?.trainLoss == loop.lastRow?.trainLoss)
    }
}
