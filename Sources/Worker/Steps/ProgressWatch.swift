import Basics
import JSON
import Jobs
import Training

/// Says in pulse, status and events how far a run has come, and counts what it uses.
final class ProgressWatch: StepObserver {
    private unowned let runner: JobRunner
    private let run: TrainingRun
    private let firstStep: Int
    private let began = MonotonicClock.seconds()
    private var lastSave = MonotonicClock.seconds()
    private var hasStepped = false
    /// Trained tokens of all whole steps.
    private var trainedTokens: Int
    /// Tokens a second, smoothed over some ten steps.
    private var speed = 0.0

    /// - Parameter start: where the run begins.
    init(_ runner: JobRunner, _ run: TrainingRun, from start: CheckpointState) {
        (self.runner, self.run) = (runner, run)
        (firstStep, trainedTokens) = (start.step, start.trainedTokens)
    }

    /// Time and cost go on in a long step too, and so does the status.
    func keepCounting() throws {
        guard MonotonicClock.seconds() - lastSave > 1 else { return }
        lastSave = MonotonicClock.seconds()
        runner.meter(trainedTokens: trainedTokens)
        try runner.publish()
    }

    func stepBegins(_ number: Int, isNew: Bool) {
        runner.pulse.enter(run.stepsDone == firstStep ? .firstStep : .step, step: number)
    }

    func parametersChanged(by step: StepResult, isNew: Bool) {
        guard isNew else { return }
        if !hasStepped { runner.willTrain() }
        hasStepped = true
        trainedTokens += step.trainedTokens
        speed = speed == 0 ? step.tokensPerSecond : 0.9 * speed + 0.1 * step.tokensPerSecond
    }

    func evaluationBegins(of step: StepResult) { runner.pulse.enter(.evaluation, step: step.step) }

    func stepEnded(_ step: StepResult, row: MetricsRow) throws {
        let validation = step.fullValidation ?? step.validation
        runner.status.progress.step = step.step
        runner.status.progress.epoch = step.epoch
        runner.status.progress.trainLoss = step.loss
        if let validation { runner.status.progress.validLoss = validation.meanLoss }
        runner.status.progress.tokensPerSecond = speed
        runner.status.progress.packingEfficiency = step.packingEfficiency
        runner.status.trainedTokens = trainedTokens
        let secondsPerStep = (MonotonicClock.seconds() - began) / Double(max(1, step.step - firstStep))
        let remaining = secondsPerStep * Double(runner.status.progress.totalSteps - step.step)
        runner.status.progress.remainingSeconds = remaining
        runner.status.estimatedFinish = JobRunner.wallTime() + Int(min(remaining, 1e9))
        runner.meter(trainedTokens: trainedTokens)
        guard let validation else { return }
        let losses = "training loss \(JobRunner.rounded(step.loss)), validation loss \(JobRunner.rounded(validation.meanLoss))"
        try runner.event(
            .evaluated, "Step \(step.step)/\(run.settings.totalSteps): \(losses)",
            data: [
                "step": JSONNode(step.step), "train_loss": JSONNode(step.loss),
                "full_valid_loss": step.fullValidation.map { JSONNode($0.meanLoss) } ?? nil,
            ])
    }

    /// Stops nothing: a step that is neither the last nor followed by a checkpoint is published now
    /// and then.
    func mustStop(after step: StepResult, row: MetricsRow) throws -> Bool {
        guard MonotonicClock.seconds() - lastSave > 0.5 else { return false }
        try runner.publish()
        lastSave = MonotonicClock.seconds()
        return false
    }
}
