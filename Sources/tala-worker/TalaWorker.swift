import ArgumentParser
import Basics
import Glibc
import JSON
import Jobs
import Sandbox
import Spool
import Storage
import Worker

/// Set by the signal handler, read between steps.
nonisolated(unsafe) private var stopRequested: sig_atomic_t = 0

@main
struct TalaWorker: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tala-worker", abstract: "Works on one job of a spool; started by talad.",
        subcommands: [Run.self, Validate.self, Salvage.self, Cards.self, TryConfinement.self])

    struct JobOptions: ParsableArguments {
        @Option(help: "The job's folder.") var job: String
        @Option(help: "The device for jobs that leave the choice open.") var device = "auto"
        @Option(help: "The daemon's process; the worker ends when it is gone.") var parent: Int32?

        /// Holds the job's lock while the body works on it, and exits with what came of it.
        func work(_ body: (JobRunner) -> WorkerExit) throws -> Never {
            Confinement.bindToParent(parent)
            HeapMemory.returnLargeBlocks()
            let folder = JobFolder(path: job)
            guard let lock = try FileLock(path: folder.lockFile) else { throw ExitCode(WorkerExit.stopped.rawValue) }
            let outcome: WorkerExit
            do {
                let papers = try folder.papers()
                let report = Confinement.confine(folder, papers.acceptance)
                if !report.isComplete {
                    Journal(program: "tala-worker").log(
                        .warning, "\(folder.id): \(report.description)", nil, Journal.Subject(job: folder.id))
                }
                outcome = try body(
                    JobRunner(folder: folder, papers: papers, deviceSelector: device, mustStop: { stopRequested != 0 }))
            } catch { outcome = JobRunner.recordDamage(error, of: folder) }
            withExtendedLifetime(lock) {}
            // What drivers and libraries do at the end of a process may wait for a device that does
            // not answer any more.
            if outcome == .deviceLost { _exit(outcome.rawValue) }
            throw ExitCode(outcome.rawValue)
        }
    }

    struct Run: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Train and export one job.",
            discussion: WorkerExit.sentence()
        )
        @OptionGroup var options: JobOptions

        func run() throws {
            try options.work { runner in
                // Until there is something to keep, a signal simply ends the process.
                runner.willTrain = {
                    signal(SIGTERM) { _ in stopRequested = 1 }
                    signal(SIGINT) { _ in stopRequested = 1 }
                }
                return runner.run()
            }
        }
    }

    struct Validate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read everything that a job names and say what is wrong.",
            discussion: "Succeeded means that the files are valid. "
                + WorkerExit.sentence([.succeeded, .failed, .cancelled, .paused, .diskFull, .ranOut, .stopped]))
        @OptionGroup var options: JobOptions

        func run() throws {
            try options.work { $0.validate() }
        }
    }

    struct Salvage: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Export the last checkpoint of a job that is given up.")
        @OptionGroup var options: JobOptions
        @Option(help: "The step that ended its workers.") var step: Int?

        func run() throws {
            try options.work { $0.salvage(fatalStep: step) }
        }
    }

    struct Cards: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the cards of this host, for a daemon that uses all of them.")

        func run() throws { print(JSONWriter().string(CardList.json)) }
    }

    struct TryConfinement: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "probe", abstract: "Say what a worker of this job could still read, write and reach.")
        @Option(help: "The job's folder.") var job: String
        @Flag(help: "Try it as one of several processes of the job, which keep the connections that they have.") var rank = false
        @Argument(help: "Paths to try.") var paths: [String] = []

        func run() throws { for line in try Probe.run(JobFolder(path: job), paths: paths, isRank: rank) { print(line) } }
    }
}
