/// Where a job is in its life: the states of the fine-tuning API, and `paused` as its pause endpoint answers.
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
        case .validatingFiles: [.queued, .failed, .cancelled, .paused].contains(next)
        case .queued: [.validatingFiles, .running, .failed, .cancelled, .paused].contains(next)
        case .running: [.queued, .paused, .succeeded, .failed, .cancelled].contains(next)
        case .paused: [.queued, .cancelled, .failed].contains(next)
        case .succeeded, .failed, .cancelled: false
        }
    }
}
