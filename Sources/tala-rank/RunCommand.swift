import ArgumentParser
import Basics
import CLinux
import Glibc
import Jobs
import MPIRanks
import Ranks
import Sandbox
import Spool
import Storage
import Training
import Worker

/// Set by the signal handler, read between steps.
nonisolated(unsafe) private var stopRequested: sig_atomic_t = 0

/// One process of a job. Rank 0 works as `tala-worker` does; the others do what it announces.
///
/// A rank connects to the others before it opens anything of a user's, and confines itself then: no
/// connection can be made afterwards, and those that are there lead to the other ranks.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Be one of the processes; the launcher starts them.", discussion: WorkerExit.sentence())
    @Option(help: "The job's folder; rank 0 alone looks at it.") var job: String
    @Option(help: "A device of each host, for one of its processes; may be repeated.") var device: [String] = ["auto"]
    @Option(help: "How many processes there must be.") var processes: Int
    @Option(name: .customLong("launched-by"), help: "The launcher's process on rank 0's host; the group ends when it is gone.")
    var launchedBy: Int32?

    /// Seconds for which rank 0 waits for another rank once the launcher is gone.
    private static let graceSeconds = 30.0

    func run() throws {
        HeapMemory.returnLargeBlocks()
        // Whoever has started this process takes it along.
        let parent = getppid()
        _ = tala_set_parent_death_signal(SIGKILL)
        guard getppid() == parent else { throw ExitCode(WorkerExit.stopped.rawValue) }
        // The launcher hands on what the daemon asks for; the others go by what rank 0 says.
        signal(SIGUSR1) { _ in stopRequested = 1 }
        signal(SIGTERM) { _ in stopRequested = 1 }
        signal(SIGINT, SIG_IGN)
        let group = try MPIGroup()
        guard group.count == processes else {
            StandardError.write(
                "tala-rank: \(group.count) process\(group.count == 1 ? "" : "es") came together and not \(processes): the launcher has not "
                    + "started one group; with Slurm, is its PMIx plugin installed on every host?\n")
            throw ExitCode(WorkerExit.failed.rawValue)
        }
        if group.localRank == 0 { LeftSegments.remove() }
        let selector = device[group.localRank % max(1, device.count)]
        let threads = try ProcessorShare.threadCount(group)
        if !selector.hasPrefix("vulkan") { setenv("TALA_THREADS", "\(threads)", 0) }
        if group.rank == 0 { try lead(group, selector) }
        try follow(group, selector)
    }

    private func lead(_ group: MPIGroup, _ selector: String) throws -> Never {
        let folder = JobFolder(path: job)
        guard FolderListing.exists(folder.path) else {
            StandardError.write(
                "<3>tala-rank: rank 0 is on \(HostName.own), which does not have \(folder.path): the first host of launch.hosts must be the daemon's own\n"
            )
            group.tearDown(WorkerExit.failed.rawValue)
        }
        let launcher = LauncherWatch(launchedBy)
        group.mustEnd = { launcher.isGone(forSeconds: Self.graceSeconds) }
        var outcome = WorkerExit.stopped
        if let lock = try FileLock(path: folder.lockFile) {
            do {
                let papers = try folder.papers()
                try group.announce(Array((papers.acceptance.modelPath ?? "").utf8))
                confined(Confinement.confine(folder, papers.acceptance), folder.id)
                outcome = try JobRunner(
                    folder: folder, papers: papers, deviceSelector: selector, group: group,
                    mustStop: { stopRequested != 0 || launcher.isGone }
                ).run()
            } catch { outcome = JobRunner.recordDamage(error, of: folder) }
            withExtendedLifetime(lock) {}
        }
        // What drivers and libraries do at the end of a process may wait for a device that does not
        // answer any more.
        if outcome == .deviceLost { group.tearDown(outcome.rawValue) }
        try? group.announce(RankOrder.end.bytes)
        group.leave(outcome.rawValue)
        throw ExitCode(outcome.rawValue)
    }

    private func follow(_ group: MPIGroup, _ selector: String) throws -> Never {
        do {
            let first = try group.nextAnnouncement()
            if RankOrder(first) != .end {
                let model = String(decoding: first, as: UTF8.self)
                confined(Confinement.confineReader(model.isEmpty ? [] : [model]), "rank \(group.rank)")
                try Follower(group: group, deviceSelector: selector).run()
            }
        } catch {
            StandardError.write("<3>tala-rank: rank \(group.rank): \(error)\n")
            group.tearDown(JobRunner.exit(after: error).rawValue)
        }
        group.leave(0)
        throw ExitCode(0)
    }

    private func confined(_ confinement: Confinement.Report, _ subject: String) {
        let problems = [confinement.isComplete ? nil : confinement.description, Confinement.keepConnections(confinement)]
        for problem in problems.compactMap({ $0 }) {
            Journal(program: "tala-rank").log(.warning, "\(subject): \(problem)", nil, Journal.Subject())
        }
    }
}
