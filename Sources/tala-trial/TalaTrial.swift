import ArgumentParser
import Daemon
import Glibc
import Jobs
import Sandbox
import Spool
import Storage
import StorageTrials
import Worker

nonisolated(unsafe) private var stopRequested: sig_atomic_t = 0

/// The daemon and the worker on a file system that fails where `TALA_FAULT` says. For tests; never
/// installed.
@main
struct TalaTrial: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tala-trial", abstract: "Daemon and worker with injected file faults, for tests.",
        subcommands: [Daemon.self, Run.self, Verify.self, Validate.self, Salvage.self])

    static func begin() throws {
        signal(SIGTERM) { _ in stopRequested = 1 }
        signal(SIGINT) { _ in stopRequested = 1 }
        guard FaultEnvironment.install() else {
            throw ValidationError("TALA_FAULT is not of the form EFFECT@NUMBER[xREPEATS][:KINDS][:path=PART]")
        }
    }

    struct Daemon: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Do all that is pending in a spool, then exit, as talad --drain.")
        @Option var spool: String
        @Option(help: "The worker's program.") var worker: String
        @Option(help: "Seconds to wait before a crashed job is started again.") var retryDelay: [Double] = [0, 0, 0]
        @Flag(help: "Stay when nothing is left to do.") var stays = false

        func run() throws {
            try TalaTrial.begin()
            var configuration = TalaDaemon.Configuration(layout: SpoolLayout(root: spool), devices: ["cpu"], workerProgram: worker)
            configuration.drains = !stays
            configuration.retryDelays = retryDelay
            configuration.settleSeconds = 0
            throw ExitCode(try TalaDaemon(configuration, mustStop: { stopRequested != 0 }).run().rawValue)
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say what is wrong with folders that were written whole.")
        @Argument var folders: [String]

        func run() throws {
            let faults = folders.compactMap { folder in WholeFolder.fault(in: folder).map { "\(folder): \($0)" } }
            for fault in faults { print(fault) }
            if !faults.isEmpty { throw ExitCode(1) }
        }
    }

    struct JobOptions: ParsableArguments {
        @Option var job: String
        @Option var device = "auto"
        @Option var parent: Int32?
        @Option var step: Int?

        func work(_ body: (JobRunner) -> WorkerExit) throws -> Never {
            Confinement.bindToParent(parent)
            try TalaTrial.begin()
            let folder = JobFolder(path: job)
            guard let lock = try FileLock(path: folder.lockFile) else { throw ExitCode(WorkerExit.stopped.rawValue) }
            let outcome: WorkerExit
            do {
                outcome = body(try JobRunner(folder: folder, deviceSelector: device, mustStop: { stopRequested != 0 }))
            } catch { outcome = JobRunner.recordDamage(error, of: folder) }
            withExtendedLifetime(lock) {}
            throw ExitCode(outcome.rawValue)
        }
    }

    struct Run: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Run one job, as tala-worker run.")
        @OptionGroup var options: JobOptions
        func run() throws { try options.work { $0.run() } }
    }

    struct Validate: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Validate one job, as tala-worker validate.")
        @OptionGroup var options: JobOptions
        func run() throws { try options.work { $0.validate() } }
    }

    struct Salvage: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give one job up, as tala-worker salvage.")
        @OptionGroup var options: JobOptions
        func run() throws { try options.work { $0.salvage(fatalStep: options.step) } }
    }
}
