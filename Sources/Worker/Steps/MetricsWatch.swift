import Jobs
import Manifest
import Preparation
import Spool
import Training

/// Writes the figures of each step into `metrics.csv`, and warns of those that are far out of line.
final class MetricsWatch: StepObserver {
    private unowned let runner: JobRunner
    private let run: TrainingRun
    private let metrics: MetricsLog
    private var outliers: OutlierWatch
    private var rising: RisingLoss
    /// Whether a warning ends the job.
    private let isStrict: Bool

    init(_ runner: JobRunner, _ run: TrainingRun, _ metrics: MetricsLog, isStrict: Bool) {
        (self.runner, self.run, self.metrics, self.isStrict) = (runner, run, metrics, isStrict)
        outliers = OutlierWatch(metrics.rows)
        rising = RisingLoss(totalSteps: run.settings.totalSteps, rows: metrics.rows)
    }

    func stepEnded(_ step: StepResult, row: MetricsRow) throws {
        try metrics.append(row)
        for warning in outliers.add(row, examples: run.lines(ofStep: step.step - 1)) { try runner.event(.outlier, warning, .warn) }
        guard let warning = rising.add(row) else { return }
        if isStrict { throw PreparationError.strict([warning]) }
        try runner.event(warning)
    }
}
