import ArgumentParser
import Glibc
import Spool
import Storage
import Worker

/// Set by the signal handler, read between steps.
nonisolated(unsafe) private var stopRequested: sig_atomic_t = 0

@main
struct TalaWorker: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tala-worker", abstract: "Runs one job of a spool; started by talad.", subcommands: [Run.self])

    struct Run: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Validate, train and export one job.",
            discussion:
                "Exit codes: 0 succeeded, 1 failed, 3 cancelled, 4 paused, 28 paused because the disk is full, 71 memory or descriptors ran out, 75 stopped with a checkpoint or the job is in other hands.")
        @Option(help: "The job's folder.") var job: String
        @Option(help: "The device for jobs that leave the choice open.") var device = "auto"

        func run() throws {
            Confinement.bindToParent()
            signal(SIGTERM) { _ in stopRequested = 1 }
            signal(SIGINT) { _ in stopRequested = 1 }
            let folder = JobFolder(path: job)
            guard let lock = try FileLock(path: folder.lockFile) else { throw ExitCode(75) }
            let outcome: JobRunner.Outcome
            do {
                outcome = try JobRunner(folder: folder, deviceSelector: device, mustStop: { stopRequested != 0 }).run()
            } catch { outcome = JobRunner.recordDamage(error, of: folder) }
            withExtendedLifetime(lock) {}
            throw ExitCode(outcome.rawValue)
        }
    }
}
