import Jobs

/// What to do with a job whose worker died: try again from the newest checkpoint, later and later,
/// but not for ever at one place.
///
/// A new checkpoint is progress and makes the count start anew. A worker that dies twice in the
/// same step is not given a third try: the step itself kills it.
struct RetryPolicy: Sendable {
    /// Seconds before the first, second, ... new try without progress between.
    var delays: [Double]

    enum Decision: Equatable {
        case retry(after: Double)
        /// Tried often enough.
        case giveUp
        /// The same step again: its examples, or what they make the device do, are the cause.
        case poisoned(step: Int)
    }

    /// How a worker died, as far as it matters here.
    struct Death {
        /// The step that was being done, counted from 1, or nil if training had not begun.
        var step: Int?
        /// The step of the newest complete checkpoint, or 0.
        var checkpoint: Int
        /// Whether something from outside may have ended the worker, so that its step says nothing.
        var mayBeFromOutside: Bool
    }

    /// - Parameter record: what is remembered of earlier deaths of this job; brought up to date.
    func decide(_ death: Death, _ record: inout CrashRecord) -> Decision {
        if death.checkpoint > record.checkpoint { record = CrashRecord(checkpoint: death.checkpoint) }
        record.count += 1
        let step = death.mayBeFromOutside ? nil : death.step
        if let step, step == record.step { return .poisoned(step: step) }
        if let step { record.step = step }
        guard record.count <= delays.count else { return .giveUp }
        return .retry(after: delays[record.count - 1])
    }
}
