import ArgumentParser
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

    func run() throws {
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
        let selector = device[group.localRank % max(1, device.count)]
        divideProcessor(group, selector)
        if group.rank == 0 { try lead(group, selector) }
        try follow(group, selector)
    }

    /// Processes on one processor share its cores.
    private func divideProcessor(_ group: MPIGroup, _ selector: String) {
        guard !selector.hasPrefix("vulkan") else { return }
        setenv("TALA_THREADS", "\(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)) / group.localCount))", 0)
    }

    private func lead(_ group: MPIGroup, _ selector: String) throws -> Never {
        let folder = JobFolder(path: job)
        var outcome = WorkerExit.stopped
        if let lock = try FileLock(path: folder.lockFile) {
            do {
                let papers = try folder.papers()
                try group.announce(Array((papers.acceptance.modelPath ?? "").utf8))
                report(Confinement.confine(folder, papers.acceptance), folder.id)
                outcome = try JobRunner(
                    folder: folder, papers: papers, deviceSelector: selector, group: group, mustStop: { stopRequested != 0 }
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
                report(Confinement.confineReader(model.isEmpty ? [] : [model]), "rank \(group.rank)")
                try Follower(group: group, deviceSelector: selector).run()
            }
        } catch {
            StandardError.write("<3>tala-rank: rank \(group.rank): \(error)\n")
            group.tearDown(JobRunner.exit(after: error).rawValue)
        }
        group.leave(0)
        throw ExitCode(0)
    }

    private func report(_ confinement: Confinement.Report, _ subject: String) {
        guard !confinement.isComplete else { return }
        Journal(program: "tala-rank").log(.warning, "\(subject): \(confinement.description)", nil, Journal.Subject())
    }
}
