import Jobs
import Training

/// Judges a run by its evaluations: which was the best, and whether it is to end early.
final class SelectionWatch: StepObserver {
    private unowned let runner: JobRunner
    private let run: TrainingRun
    private(set) var selection: Selection

    /// - Parameter rows: of the steps that earlier runs have done.
    init(_ runner: JobRunner, _ run: TrainingRun, _ selection: Selection, rows: [MetricsRow]) {
        (self.runner, self.run, self.selection) = (runner, run, selection)
        for row in rows { self.selection.add(row) }
        if self.selection.rule.isExhausted { run.endEarly() }
    }

    func stepEnded(_ step: StepResult, row: MetricsRow) throws {
        selection.add(row)
        guard selection.rule.isExhausted, !run.isFinished else { return }
        run.endEarly()
        let best = selection.rule.best
        try runner.event(
            .stoppedEarly,
            "Step \(step.step)/\(run.settings.totalSteps): \(selection.metric) has not become better in \(selection.rule.counter) "
                + "evaluations"
                + (best.map { "; the best was \(JobRunner.rounded($0.value)) at step \($0.step)" } ?? ""))
    }

    /// Whether a step's checkpoint must stay: it is the best so far, and the result is made of it.
    func keeps(_ step: Int) -> Bool { selection.loadsBest && selection.rule.best?.step == step }
}
