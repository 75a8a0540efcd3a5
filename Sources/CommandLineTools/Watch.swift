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
            line a minute and one at every change of state. With --json the job as it is in the end goes to standard output.

            """ + CommandExit.sentence([.succeeded, .failed, .usage, .cancelled, .paused, .interrupted]))
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end; the newest job if left out.", completion: JobCompletion.all) var job: String?

    package init() {}

    package func run() throws { try Self.follow(options.jobOrNewest(job), options, quietly: options.json) }

    /// Shows a job until it ends.
    /// - Throws: the exit code that tells how, or a ``CommandFailure``.
    static func follow(_ folder: JobFolder, _ options: SpoolOptions, quietly: Bool) throws {
        signal(SIGINT) { _ in interrupted = 1 }
        // Without a handler the signal would not end the pause between two lines, and the line
        // would be too wide until then.
        signal(SIGWINCH) { _ in }
        let terminal = Terminal()
        var plain = PlainProgress()
        while true {
            guard let status = folder.status() else {
                throw CommandFailure(.failed, "\(folder.statusFile) cannot be read")
            }
            let isOver = status.state.isFinal || status.state == .paused
            if !quietly {
                let daemonRuns = isOver || DaemonPresence(options.layout).isRunning
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
            usleep(250_000)
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
