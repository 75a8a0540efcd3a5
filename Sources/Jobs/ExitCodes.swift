/// How a program may end: its exit codes, and what each one means. Help texts and manual pages are
/// made from these lists.
package protocol ProgramExit: CaseIterable, RawRepresentable, Sendable where RawValue == Int32 {
    /// What the code says, a part of a sentence.
    var meaning: String { get }
}

extension ProgramExit {
    /// `0 succeeded, 1 failed`, of all codes or of some.
    package static func list(_ exits: [Self] = Array(allCases)) -> String {
        exits.map { "\($0.rawValue) \($0.meaning)" }.joined(separator: ", ")
    }

    /// `Exit codes: 0 succeeded, 1 failed.`
    package static func sentence(_ exits: [Self] = Array(allCases)) -> String { "Exit codes: \(list(exits))." }
}

/// How a worker ends. The daemon goes by this word where the job's own files could not be written.
package enum WorkerExit: Int32, ProgramExit {
    case succeeded = 0
    case failed = 1
    case cancelled = 3
    case paused = 4
    /// Paused because the disk is full, even if there was no room to write that down. The value is
    /// ENOSPC.
    case diskFull = 28
    /// The device was lost, for this process for good: another worker may have more luck
    /// (EX_SOFTWARE).
    case deviceLost = 70
    /// Memory or descriptors ran out: the same may work later (EX_OSERR).
    case ranOut = 71
    /// Stopped with a checkpoint, or the job is in other hands; the next worker goes on
    /// (EX_TEMPFAIL).
    case stopped = 75

    package var meaning: String {
        switch self {
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .cancelled: "cancelled"
        case .paused: "paused"
        case .diskFull: "paused because the disk is full"
        case .deviceLost: "the device was lost"
        case .ranOut: "memory or descriptors ran out"
        case .stopped: "stopped with a checkpoint, or the job is in other hands"
        }
    }
}

/// How the daemon ends.
package enum DaemonExit: Int32, ProgramExit {
    case done = 0
    case jobFailed = 1
    case usage = 2
    /// The value is ENOSPC.
    case waitsForRoom = 28
    /// The jobs cannot be listed, whatever is waited (EX_IOERR).
    case jobsUnreadable = 74
    /// EX_TEMPFAIL.
    case spoolTaken = 75
    /// EX_CONFIG.
    case unusableConfiguration = 78

    package var meaning: String {
        switch self {
        case .done: "told to leave, or all that was pending is done"
        case .jobFailed: "a job failed or was rejected while draining"
        case .usage: "wrong usage"
        case .waitsForRoom: "no job failed while draining, but one is left paused until the disk has room"
        case .jobsUnreadable: "the jobs cannot be listed"
        case .spoolTaken: "another talad works on the spool"
        case .unusableConfiguration:
            "the policy cannot be used, a later talad has worked on the spool, or the program was built for a newer processor"
        }
    }
}

/// How a command of `tala` ends.
package enum CommandExit: Int32, ProgramExit {
    case succeeded = 0
    case failed = 1
    case usage = 2
    case cancelled = 3
    case paused = 4
    /// EX_TEMPFAIL.
    case noDaemon = 75
    /// Before anything else (EX_CONFIG); `tala-worker` ends in the same way.
    case olderProcessor = 78
    /// By SIGINT, as a shell says it.
    case interrupted = 130

    package var meaning: String {
        switch self {
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .usage: "wrong usage, or a name that stands for nothing"
        case .cancelled: "cancelled"
        case .paused: "paused"
        case .noDaemon: "the daemon is not running"
        case .olderProcessor: "the program was built for a newer processor"
        case .interrupted: "watching was interrupted"
        }
    }
}
