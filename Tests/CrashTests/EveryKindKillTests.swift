import Foundation
import Jobs
import Manifest
import Spool
import Storage
import TestSupport
import Testing

/// Workers of every objective and optimizer, killed in the midst of their work.
@Suite(.serialized, .enabled(if: RealSpool.areBuilt, "the programs are not built")) struct EveryKindKillTests {
    /// What each job left, by its suffix.
    private static func traces(_ spool: RealSpool) throws -> [String: JobTrace] {
        var traces: [String: JobTrace] = [:]
        for job in spool.jobs {
            var trace = try JobTrace(job)
            // Checkpoints that are not among the last stay where a kill kept them from going.
            trace.files = trace.files.filter { $0.key.hasPrefix("result/") }
            traces[try job.manifest().suffix ?? job.id] = trace
        }
        return traces
    }

    /// What shows that something is kept that was not at the last look: a checkpoint, or the end of
    /// a job.
    private static func progress(_ spool: RealSpool) -> [String] {
        spool.jobs.map { "\($0.id) \($0.checkpointNames.last ?? "") \($0.status()?.state.isFinal == true)" }
    }

    @Test func jobsOfEveryObjectiveAndOptimizerThatAreKilledEndInTheBytesOfThoseThatWereNot() throws {
        let kinds = EveryKind()
        let whole = try kinds.spool()
        defer { whole.remove() }
        let undisturbed = try whole.startDaemon()
        undisturbed.waitUntilExit()
        let wanted = try Self.traces(whole)
        #expect(undisturbed.terminationStatus == 0, "\(whole.jobs.map { $0.status()?.error?.message ?? "" })")
        #expect(wanted.count == kinds.kinds.count && wanted.values.allSatisfy { $0.state == .succeeded && !$0.files.isEmpty })
        let killed = try kinds.spool()
        defer { killed.remove() }
        var random = SystemRandomNumberGenerator()
        var log: [String] = []
        let limit = Extent.isFull ? 40 : 6
        while log.count < limit {
            let seen = Self.progress(killed)
            let daemon = try killed.startDaemon()
            // Each comes a little further first: a worker that dies too often without progress is
            // not followed by another.
            while daemon.isRunning, Self.progress(killed) == seen { usleep(2_000) }
            guard daemon.isRunning else { break }
            usleep(UInt32.random(in: 0...60_000, using: &random))
            let isBoth = log.count % 2 == 1
            if isBoth { kill(daemon.processIdentifier, SIGKILL) }
            for worker in killed.workers { kill(worker, SIGKILL) }
            log.append("\(isBoth ? "both" : "worker") after \(Self.progress(killed))")
            if !isBoth {
                usleep(50_000)
                kill(daemon.processIdentifier, SIGKILL)
            }
            daemon.waitUntilExit()
        }
        let last = try killed.startDaemon()
        last.waitUntilExit()
        #expect(last.terminationStatus == 0, "\(log)")
        let found = try Self.traces(killed)
        for (name, trace) in wanted {
            let other = try #require(found[name], "\(name)")
            #expect(other.differences(from: trace) == "", "\(name): \(log)")
        }
        #expect(log.count >= 3 && found.count == wanted.count)
        Extent.report("kills of workers of every kind", log.count)
    }
}
