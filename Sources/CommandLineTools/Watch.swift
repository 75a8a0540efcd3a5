package import ArgumentParser
import Glibc
import JSON
import Jobs
import Spool
import Storage

/// Set when the user presses Control-C: the job goes on, watching ends.
nonisolated(unsafe) private var interrupted: sig_atomic_t = 0

/// `tala watch`: a job's progress until it ends.
package struct Watch: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Follow a job: progress, loss, speed, time left.",
        discussion: """
            Control-C ends watching, not the job. Progress goes to standard error: on a terminal one line that is drawn again and again, otherwise a \
            line a minute and one at every change of state. With --json the job as it is in the end goes to standard output. A job without a daemon does \
            not move: where none comes back, watching ends with code 75.

            """ + CommandExit.sentence([.succeeded, .failed, .usage, .cancelled, .paused, .noDaemon, .interrupted]))
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end; the newest job if left out.", completion: JobCompletion.all) var job: String?

    @Option(help: "Seconds without a daemon after which watching ends.") var patience = Self.usualPatience

    /// Seconds. systemd starts a daemon that died again after five, and it reads its jobs then.
    static let usualPatience = 30
    private static let looksPerSecond = 4

    package init() {}

    package func validate() throws {
        guard (0...1_000_000).contains(patience) else { throw ValidationError("--patience is a number of seconds") }
    }

    package func run() throws { try Self.follow(options.jobOrNewest(job), options, quietly: options.json, patience: patience) }

    /// Shows a job until it ends.
    /// - Parameter patience: seconds without a daemon after which it is given up.
    /// - Throws: the exit code that tells how, or a ``CommandFailure``.
    static func follow(_ folder: JobFolder, _ options: SpoolOptions, quietly: Bool, patience: Int = usualPatience) throws {
        signal(SIGINT) { _ in interrupted = 1 }
        // Without a handler the signal would not end the pause between two lines, and the line
        // would be too wide until then.
        signal(SIGWINCH) { _ in }
        let terminal = Terminal()
        var plain = PlainProgress()
        var looksWithoutDaemon = 0
        while true {
            guard let status = folder.status() else {
                throw CommandFailure(.failed, "\(folder.statusFile) cannot be read")
            }
            let isOver = status.state.isFinal || status.state == .paused
            let presence = DaemonPresence(options.layout)
            let daemonRuns = isOver || presence.isRunning
            if !quietly {
                let line = WatchLine(
                    status: status, losses: terminal.isInteractive ? WatchLine.losses(folder) : [], daemonRuns: daemonRuns)
                if terminal.isInteractive {
                    StandardError.write("\r\u{1B}[K" + line.text(width: terminal.width))
                } else {
                    plain.show(line.text(width: .max), when: "\(status.state) \(daemonRuns)")
                }
            }
            if isOver {
                if !quietly, terminal.isInteractive { StandardError.write("\n") }
                return try end(status, options)
            }
            if interrupted != 0 {
                if options.json {
                    try StandardOutput.json(status.json)
                } else {
                    StandardError.write("\n\(folder.id) goes on; tala watch shows it again\n")
                }
                throw CommandExit.interrupted.code
            }
            looksWithoutDaemon = daemonRuns ? 0 : looksWithoutDaemon + 1
            if looksWithoutDaemon > patience * looksPerSecond {
                if !quietly, terminal.isInteractive { StandardError.write("\n") }
                throw CommandFailure(.noDaemon, "\(presence.warning); \(folder.id) is \(status.state.rawValue)")
            }
            usleep(UInt32(1_000_000 / looksPerSecond))
        }
    }

    /// Says how a job has ended.
    /// - Throws: the exit code that belongs to it, if that is not 0.
    private static func end(_ status: JobStatus, _ options: SpoolOptions) throws {
        if options.json {
            try StandardOutput.json(status.json)
        } else if let error = status.error {
            StandardError.write(Terminal.safe(error.message) + "\n")
        }
        if let code = status.state.exitCode { throw code }
    }
}

extension JobState {
    /// The exit code of a command that tells of a job in this state; nil for 0.
    var exitCode: ExitCode? {
        switch self {
        case .failed: CommandExit.failed.code
        case .cancelled: CommandExit.cancelled.code
        case .paused: CommandExit.paused.code
        case .validatingFiles, .queued, .running, .succeeded: nil
        }
    }
}

/// Progress where there is no terminal: a line a minute, and one at every change.
private struct PlainProgress {
    private let start = ContinuousClock.now
    private var lastSecond: Int64 = -60
    private var lastState = ""

    mutating func show(_ line: String, when state: String) {
        let elapsed = (ContinuousClock.now - start).components.seconds
        guard elapsed - lastSecond >= 60 || state != lastState else { return }
        StandardError.write(line + "\n")
        (lastSecond, lastState) = (elapsed, state)
    }
}
