import Jobs
import Preparation
import Spool
import Training

/// Does what others want of a run: checkpoints that are due or asked for, and its end when somebody
/// asks for it or a limit is used up.
final class ControlWatch: StepObserver {
    private unowned let runner: JobRunner
    private let job: PreparedJob
    private let checkpoints: CheckpointWriter
    private let progress: ProgressWatch
    /// The loop that is watched, for the state that a checkpoint has.
    weak var loop: StepLoop?
    /// Judges the run; what it keeps gets a checkpoint.
    var selection: SelectionWatch?
    /// The limit that was used up when the loop was stopped.
    private(set) var limit: StateReason?
    /// What went wrong while the device computed.
    private var trouble: (any Error)?

    init(_ runner: JobRunner, _ job: PreparedJob, _ checkpoints: CheckpointWriter, _ progress: ProgressWatch) {
        (self.runner, self.job, self.checkpoints, self.progress) = (runner, job, checkpoints, progress)
    }

    /// Asked while the device computes. Parameters and state are those of the last whole step until
    /// an update begins, which asks nothing: so long a checkpoint of that step can be written.
    func isCancelled() -> Bool {
        let leaves = runner.isAskedToLeave { noting { if let loop { try checkpoints.answer(loop.state, loop.lastRow) } } }
        if leaves || trouble != nil { return true }
        noting { try progress.keepCounting() }
        return trouble != nil
    }

    private func noting(_ body: () throws -> Void) { do { try body() } catch { trouble = error } }

    func deviceReturned() throws { if let trouble { throw trouble } }

    func mustStop(after step: StepResult, row: MetricsRow) throws -> Bool {
        guard let loop else { return false }
        let verbs = runner.folder.pendingControls
        limit = runner.usedUp(job.manifest)
        let leaves = runner.mustStop() || verbs.contains("cancel") || verbs.contains("pause") || limit != nil
        if loop.run.isCheckpointDue || (leaves && !loop.run.isFinished) || selection?.keeps(step.step) == true {
            try checkpoints.write(loop.state, row)
        }
        if verbs.contains("checkpoint") { try checkpoints.answer(loop.state, row) }
        return verbs.contains("cancel") || leaves && !loop.run.isFinished
    }
}
