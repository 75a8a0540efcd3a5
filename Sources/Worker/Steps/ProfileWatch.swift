import Graph
import Jobs
import Preparation
import Profiling
import Training

/// Times one step call by call: a worker's second, since the first touches memory for the first
/// time.
final class ProfileWatch: StepObserver {
    private unowned let runner: JobRunner
    private let run: TrainingRun
    private let job: PreparedJob
    private let peaks: DevicePeaks
    private let step: Int

    /// - Parameter peaks: the device's.
    init(_ runner: JobRunner, _ run: TrainingRun, _ job: PreparedJob, _ peaks: DevicePeaks) {
        (self.runner, self.run, self.job, self.peaks) = (runner, run, job, peaks)
        step = min(run.stepsDone + 2, run.settings.totalSteps)
    }

    func stepBegins(_ number: Int, isNew: Bool) { run.session.isTimed = isNew && number == step }

    func parametersChanged(by result: StepResult, isNew: Bool) throws {
        guard run.session.isTimed else { return }
        run.session.isTimed = false
        try StepProfile(
            step: result.step, tokens: result.tokens, device: job.device.name, times: run.session.takeTimes(), peaks: peaks
        ).write(runner.folder)
        try runner.event(.profiled, "Profile of step \(result.step) is in profile.txt and profile.json")
    }
}
