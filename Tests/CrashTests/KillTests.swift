import Foundation
import JSON
import Jobs
import Spool
import Storage
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: RealSpool.areBuilt, "the programs are not built")) struct KillTests {
    @Test func aJobKilledTenTimesEndsInTheBytesOfOneThatWasNot() throws {
        let whole = try RealSpool()
        defer { whole.remove() }
        let undisturbed = try whole.startDaemon()
        undisturbed.waitUntilExit()
        #expect(undisturbed.terminationStatus == 0)
        let killed = try RealSpool()
        defer { killed.remove() }
        var random = SystemRandomNumberGenerator()
        var kills = 0
        var log: [String] = []
        while kills < 10, killed.adapter == nil {
            let known = killed.job?.checkpointNames.last
            let daemon = try killed.startDaemon()
            // A worker that dies too often without a new checkpoint is not followed by another, so
            // each comes to one first, however slow the machine is; all but the first, which dies
            // anywhere.
            while kills > 0, daemon.isRunning, killed.job?.checkpointNames.last == known { usleep(2_000) }
            let delay = Double.random(in: 0...(kills == 0 ? 0.5 : 0.1), using: &random)
            Thread.sleep(forTimeInterval: delay)
            let target = kills % 3
            log.append("\(["worker", "daemon", "both"][target]) \(delay) s after \(killed.job?.checkpointNames.last ?? "the start")")
            if target != 0 { kill(daemon.processIdentifier, SIGKILL) }
            if target != 1 { for worker in killed.workers { kill(worker, SIGKILL) } }
            kills += 1
            if target == 0 {
                Thread.sleep(forTimeInterval: 0.05)
                kill(daemon.processIdentifier, SIGKILL)
            }
            daemon.waitUntilExit()
        }
        #expect(kills >= 4, "\(log)")
        let last = try killed.startDaemon()
        last.waitUntilExit()
        #expect(last.terminationStatus == 0, "\(log)")
        #expect(killed.job?.status()?.state == .succeeded)
        #expect(killed.adapter != nil && killed.adapter == whole.adapter, "\(log)")
        #expect(killed.steps == Array(1...78), "\(log)")
    }

    @Test func sigtermWritesACheckpointAndTheNextStartGoesOn() throws {
        let spool = try RealSpool()
        defer { spool.remove() }
        let daemon = try spool.startDaemon()
        while spool.steps.count < 8, daemon.isRunning { Thread.sleep(forTimeInterval: 0.05) }
        daemon.terminate()
        daemon.waitUntilExit()
        // It left in the middle of the job, not at its end.
        #expect(spool.workers.isEmpty && spool.steps.count < 78)
        let job = try #require(spool.job)
        #expect(job.status()?.state == .queued && !job.checkpointNames.isEmpty)
        let again = try spool.startDaemon()
        again.waitUntilExit()
        #expect(again.terminationStatus == 0 && spool.steps == Array(1...78))
        let events = try String(decoding: DurableFiles.read(job.eventsFile), as: UTF8.self)
        #expect(events.contains("Resumed from checkpoint"))
    }
}

/// What waits with a checkpoint behind it, through the real programs.
@Suite(.serialized, .enabled(if: RealSpool.areBuilt, "the programs are not built")) struct WaitingJobTests {
    @Test(arguments: ["paused", "queued"]) func aJobThatIsCancelledWhileItWaitsLeavesItsCheckpoint(state: String) throws {
        let spool = try RealSpool()
        defer { spool.remove() }
        let daemon = try spool.startDaemon()
        while spool.steps.count < 8, daemon.isRunning { usleep(5_000) }
        let job = try #require(spool.job)
        if state == "paused" { try DurableFiles.replace(spool.layout.control + "/\(job.id).pause", with: "") } else { daemon.terminate() }
        daemon.waitUntilExit()
        #expect(job.status()?.state.rawValue == state && !job.checkpointNames.isEmpty)
        try DurableFiles.replace(spool.layout.control + "/\(job.id).cancel", with: "")
        let second = try spool.startDaemon()
        second.waitUntilExit()
        let status = try #require(job.status())
        #expect(status.state == .cancelled && status.reason == .requested && status.resultFiles == ["metrics.csv", "result"])
        #expect(WholeFolder.fault(in: job.result) == nil && FolderListing.exists(job.result + "/partial/adapter_model.safetensors"))
        #expect(status.finishedAt != nil && status.usage.total.deviceSeconds > 0)
    }
}
