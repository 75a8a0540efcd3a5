package import ArgumentParser
import Glibc
import Jobs
import Spool
import Storage

/// Set when the user presses Control-C: the job goes on, watching ends.
nonisolated(unsafe) private var interrupted: sig_atomic_t = 0

/// `tala watch`: a job's progress until it ends.
package struct Watch: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Follow a job: progress, loss, speed, time left.",
        discussion: "Control-C ends watching, not the job. " + CommandExit.sentence([.succeeded, .failed, .cancelled, .interrupted]))
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end; the newest job if left out.") var job: String?

    package init() {}

    package func run() throws {
        let folder: JobFolder
        if let job {
            folder = try options.job(job)
        } else {
            guard let newest = JobListing.ids(options.layout).last else {
                throw ValidationError("there are no jobs in \(options.layout.jobs)")
            }
            folder = options.layout.job(newest)
        }
        try Self.follow(folder, quietly: false)
    }

    /// Shows a job until it ends.
    /// - Throws: the exit code that tells how.
    static func follow(_ folder: JobFolder, quietly: Bool) throws {
        signal(SIGINT) { _ in interrupted = 1 }
        let terminal = Terminal()
        var lastLine = ""
        var lastPlain = -60.0
        let start = ContinuousClock.now
        while true {
            guard let status = folder.status() else { throw ValidationError("\(folder.statusFile) cannot be read") }
            if !quietly {
                let line = Self.line(status, losses: terminal.isInteractive ? Self.losses(folder) : [], width: terminal.width)
                if terminal.isInteractive {
                    StandardError.write("\r\u{1B}[K" + line)
                } else {
                    // Not a terminal: a line a minute, and one at every change of state.
                    let elapsed = Double((ContinuousClock.now - start).components.seconds)
                    let state = "\(status.state)"
                    if elapsed - lastPlain >= 60 || state != lastLine {
                        StandardError.write(line + "\n")
                        lastPlain = elapsed
                        lastLine = state
                    }
                }
            }
            if status.state.isFinal || status.state == .paused {
                if !quietly, terminal.isInteractive { StandardError.write("\n") }
                if let error = status.error { StandardError.write(Terminal.safe(error.message) + "\n") }
                switch status.state {
                case .failed: throw CommandExit.failed.code
                case .cancelled: throw CommandExit.cancelled.code
                default: return
                }
            }
            if interrupted != 0 {
                StandardError.write("\n\(folder.id) goes on; tala watch shows it again\n")
                throw CommandExit.interrupted.code
            }
            usleep(250_000)
        }
    }

    /// The training losses of all steps so far.
    static func losses(_ folder: JobFolder) -> [Double] {
        guard let bytes = try? DurableFiles.read(folder.metricsFile) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst().compactMap { line in
            line.split(separator: ",", omittingEmptySubsequences: false).dropFirst().first.flatMap { Double($0) }
        }
    }

    static func line(_ status: JobStatus, losses: [Double], width: Int) -> String {
        guard status.progress.totalSteps > 0, status.state == .running || status.state.isFinal else {
            guard let reading = status.reading, reading.byteCount > 0 else { return "\(status.id)  \(status.state.rawValue)" }
            let share = Double(reading.bytesDone) / Double(reading.byteCount)
            return "\(Terminal.bar(share, width: 20))  reading \(Terminal.safe(reading.file))  \(reading.exampleCount) examples"
        }
        let progress = status.progress
        var parts = [
            Terminal.bar(Double(progress.step) / Double(max(1, progress.totalSteps)), width: 20), "\(progress.step)/\(progress.totalSteps)",
            progress.trainLoss.map { "loss " + Terminal.decimal($0, 4) } ?? "",
        ]
        if !losses.isEmpty { parts.append(Terminal.sparkline(losses, width: max(8, min(40, width - 75)))) }
        if let loss = progress.validLoss { parts.append("valid " + Terminal.decimal(loss, 4)) }
        if let speed = progress.tokensPerSecond { parts.append("\(Int(speed)) tok/s") }
        if status.state == .running, let seconds = progress.remainingSeconds { parts.append(Terminal.duration(seconds) + " left") }
        if status.state.isFinal { parts.append(status.state.rawValue) }
        return parts.filter { !$0.isEmpty }.joined(separator: "  ")
    }
}
