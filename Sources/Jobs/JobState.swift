/// Where a job is in its life: the states of the fine-tuning API, and `paused` as its pause
/// endpoint answers.
package enum JobState: String, Sendable, Hashable, CaseIterable {
    case validatingFiles = "validating_files"
    case queued
    case running
    case paused
    case succeeded
    case failed
    case cancelled

    /// Nothing happens to the job any more.
    package var isFinal: Bool { self == .succeeded || self == .failed || self == .cancelled }

    /// Whether a job may go from this state to that one.
    package func mayBecome(_ next: JobState) -> Bool {
        switch self {
        // The first job of an idle daemon is validated and trained by one worker.
        // A dry run ends where others begin to wait.
        case .validatingFiles: [.queued, .running, .paused, .succeeded, .failed, .cancelled].contains(next)
        case .queued: [.validatingFiles, .running, .paused, .failed, .cancelled].contains(next)
        // A worker whose validation.json is damaged validates the files again.
        case .running: [.validatingFiles, .queued, .paused, .succeeded, .failed, .cancelled].contains(next)
        case .paused: [.validatingFiles, .queued, .failed, .cancelled].contains(next)
        case .succeeded, .failed, .cancelled: false
        }
    }
}

/// A change of state that the life of a job does not have.
package struct ForbiddenChange: Error, Sendable, Hashable, CustomStringConvertible {
    package var job: String
    package var from: JobState
    package var to: JobState

    package init(job: String, from: JobState, to: JobState) { (self.job, self.from, self.to) = (job, from, to) }

    package var description: String { "\(job): a job that is \(from.rawValue) cannot become \(to.rawValue)" }
}
