import ArgumentParser
import CProcessor
import CommandLineTools
import Daemon
import Glibc
import Jobs
import Manifest
import Spool
import Storage

/// Set by the signal handler, read in every turn of the daemon's loop.
nonisolated(unsafe) private var stopRequested: sig_atomic_t = 0
nonisolated(unsafe) private var reloadRequested: sig_atomic_t = 0

@main
struct Talad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "talad", abstract: "Fine-tunes language models from a spool directory.",
        discussion: """
            Drop a job manifest into SPOOL/incoming; read SPOOL/jobs/ID/status.json; collect SPOOL/jobs/ID/result. SIGTERM writes a checkpoint and leaves; the \
            next start goes on. \(DaemonExit.sentence())
            """, version: "0.1.0")
    @Option(help: "The spool directory; it is made if it is not there.") var spool = "/var/spool/tala"
    @Option(
        help: "A device that jobs run on, one at a time: auto, cpu, vulkan:NUMBER_OR_NAME, or vulkan for every card; may be repeated.")
    var device: [String] = ["auto"]
    @Flag(help: "Do all that is pending, then exit.") var drain = false
    @Option(name: .customLong("allow-root"), help: "A folder whose files manifests may name by absolute paths; may be repeated.")
    var allowedRoots: [String] = []
    @Option(help: "Who may do what, and what it costs; read again at SIGHUP. See docs/policy.md.") var policy = "/etc/tala/policy.yaml"
    @Option(help: "A file for Prometheus's textfile collector, rewritten every two seconds.") var metrics: String?
    @Option(name: .customLong("retry-delays"), help: "Seconds before a job whose worker died is tried again, without progress between.")
    var retryDelays = "5,60,600"
    @Option(
        name: .customLong("silence-limit"),
        help: "Seconds without a sign of life after which a worker counts as hung; ten median steps if that is more.")
    var silenceLimit = 300.0

    static func main() {
        // Its workers would not run.
        tala_require_processor()
        runAsProgram()
    }

    func run() throws {
        // The parent process may have left these signals blocked.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGHUP)
        sigprocmask(SIG_UNBLOCK, &signals, nil)
        signal(SIGTERM) { _ in stopRequested = 1 }
        signal(SIGINT) { _ in stopRequested = 1 }
        signal(SIGHUP) { _ in reloadRequested = 1 }
        signal(SIGPIPE, SIG_IGN)
        let delays = retryDelays.split(separator: ",").compactMap { Double($0) }.filter { $0.isFinite && $0 >= 0 }
        guard delays.count == retryDelays.split(separator: ",").count, silenceLimit.isFinite, silenceLimit > 0 else {
            throw ValidationError("--retry-delays takes seconds with commas between, --silence-limit seconds")
        }
        if let word = device.first(where: { !DeviceChoice.isDevice($0) }) {
            throw ValidationError("--device \(word): there is no such device; it may be auto, cpu, vulkan or vulkan:NUMBER_OR_NAME")
        }
        // A link to a spool is as good as the spool.
        do { if access(spool, F_OK) != 0 { try DurableFiles.makeFolder(spool) } } catch {
            throw ValidationError("\(spool) is not there and cannot be made: \(error)")
        }
        guard let root = realpath(spool, nil) else {
            throw ValidationError("\(spool) cannot be found: \(String(cString: strerror(errno)))")
        }
        defer { free(root) }
        let cards = CardFinder(device, program: Self.workerProgram())
        if let complaint = cards.complaint { StandardError.write("<4>talad: \(complaint)\n") }
        var configuration = TalaDaemon.Configuration(
            layout: SpoolLayout(root: String(cString: root)), devices: cards.devices, workerProgram: Self.workerProgram())
        configuration.deviceKinds = cards.kinds
        configuration.rankProgram = getenv("TALA_RANK").map { String(cString: $0) } ?? InstalledPrograms.own.rank
        configuration.drains = drain
        configuration.allowedRoots = allowedRoots
        configuration.spoolName = spool
        configuration.policyFile = policy
        configuration.metricsFile = metrics
        configuration.retryDelays = delays
        configuration.silenceLimit = silenceLimit
        configuration.allocation = Allocation { name in getenv(name).map { String(cString: $0) } }
        let daemon: TalaDaemon
        do {
            daemon = try TalaDaemon(
                configuration, mustStop: { stopRequested != 0 },
                mustReload: {
                    defer { reloadRequested = 0 }
                    return reloadRequested != 0
                })
        } catch let error as TalaDaemon.StartError {
            StandardError.write("<3>\(error)\n")
            if case .spoolIsTaken = error { throw ExitCode(DaemonExit.spoolTaken.rawValue) }
            throw ExitCode(DaemonExit.unusableConfiguration.rawValue)
        }
        throw ExitCode(daemon.run().rawValue)
    }

    /// `TALA_WORKER`, or the program of this installation.
    static func workerProgram() -> String { getenv("TALA_WORKER").map { String(cString: $0) } ?? InstalledPrograms.own.worker }
}
