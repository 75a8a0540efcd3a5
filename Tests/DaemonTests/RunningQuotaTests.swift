import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import Testing

@testable import Daemon

/// Quotas that are reached while a job runs, and jobs that are cancelled while they wait.
@Suite(.serialized) struct RunningQuotaTests {
    private static func policy(_ quotas: String) -> String { "roles: {developer: {quotas: {\(quotas)}}}\nusers: {4242: developer}\n" }

    /// A worker that trains until it is asked for a pause, and gives the reason that it was given.
    private static let pausing = """
        if [ -e $job/paused ]; then state succeeded; exit 0; fi
        touch $job/started
        for i in $(seq 400); do if [ -e $job/.control/pause ]; then reason $(head -n 1 $job/.control/pause); state paused; rm $job/.control/pause; touch $job/paused; exit 4; fi; sleep 0.05; done
        exit 1
        """

    @Test(.enabled(if: isRoot, "only root may change owners")) func aMonthThatIsUsedUpWhileAJobRunsPausesItAndMoreLetsItGoOn() throws {
        let spool = try TestSpool(worker: Self.pausing)
        defer { spool.remove() }
        let path = spool.layout.root + "/policy.yaml"
        try DurableFiles.replace(path, with: Self.policy("device_hours_a_month: 2"))
        try spool.drop("a.yaml", owner: 4242)
        var hasCounted = false
        let paused = try spool.run({ $0.policyFile = path }) {
            guard let id = spool.ids.first, FolderListing.exists(spool.layout.job(id).path + "/started") else { return false }
            if !hasCounted, var status = spool.layout.job(id).status() {
                hasCounted = true
                status.usage.add(deviceSeconds: 7300, trainedTokensInAll: 5, month: Usage.month(ofSeconds: time(nil)))
                try spool.layout.job(id).write(status)
            }
            return spool.jobs.first?.state == .paused && spool.layout.job(id).pendingControls.isEmpty
        }
        let id = try #require(spool.ids.first)
        #expect(paused && spool.jobs.first?.reason == .quotaExceeded, "\(spool.events(id))")
        // Its owner cannot make it go on, and gets told why; nor does another job begin.
        try spool.ask("resume", id, owner: 4242)
        #expect(
            try spool.run({ $0.policyFile = path }) {
                spool.events(id).contains("Not resumed: over quota: device-hours this month: 2.03 used, 2 allowed")
                    || spool.events(id).contains("Not resumed: over quota: device-hours this month: 2.03 used, 2.0 allowed")
            }, "\(spool.events(id))")
        #expect(spool.jobs.first?.state == .paused)
        try spool.drop("b.yaml", owner: 4242)
        #expect(try spool.run({ $0.policyFile = path }) { FolderListing.exists(spool.layout.rejected + "/b.yaml/error.json") })
        // A more generous policy lets it go on by itself.
        try DurableFiles.replace(path, with: Self.policy("device_hours_a_month: 3"))
        #expect(try spool.run({ $0.policyFile = path }) { spool.jobs.first?.state == .succeeded }, "\(spool.events(id))")
        #expect(spool.events(id).contains("The quota of the month allows the job to go on"))
    }

    @Test(.enabled(if: isRoot, "only root may change owners")) func aJobThatWaitsWhileItsOwnersMonthIsUsedUpIsPausedNotBegun() throws {
        let spool = try TestSpool(worker: "echo run >>$job/../../log; state succeeded; exit 0")
        defer { spool.remove() }
        let path = spool.layout.root + "/policy.yaml"
        try DurableFiles.replace(path, with: Self.policy("trained_tokens_a_month: 1000"))
        try spool.drop("a.yaml", TestSpool.manifest + "not_before: 99999999999\n", owner: 4242)
        #expect(try spool.run({ $0.policyFile = path }) { spool.jobs.first?.state == .queued })
        let folder = spool.layout.job(try #require(spool.ids.first))
        var manifest = try folder.manifest()
        manifest.notBefore = nil
        try DurableFiles.replace(folder.manifestFile, with: JSONWriter().string(manifest.json))
        try DurableFiles.remove(folder.path + "/" + OwnDigests.listName)
        var status = try #require(folder.status())
        status.usage.add(deviceSeconds: 1, trainedTokensInAll: 1001, month: Usage.month(ofSeconds: time(nil)))
        try folder.write(status)
        #expect(try spool.run({ $0.policyFile = path }) { spool.jobs.first?.state == .paused })
        #expect(spool.jobs.first?.reason == .quotaExceeded && spool.log.isEmpty)
        #expect(spool.events(folder.id).contains("trained tokens this month: 1001 used, 1000 allowed"))
    }

    @Test(.enabled(if: isRoot, "only root may change owners")) func theDiskOfAJobCountsWhileItRuns() throws {
        let spool = try TestSpool(
            worker:
                "head -c 3000000 /dev/zero >$job/large; sync $job/large; touch $job/started; while [ ! -e $job/../../end ]; do sleep 0.05; done; state succeeded; exit 0"
        )
        defer { spool.remove() }
        let path = spool.layout.root + "/policy.yaml"
        try DurableFiles.replace(path, with: Self.policy("disk: 2MiB, queued_jobs: 9"))
        try spool.drop("a.yaml", owner: 4242)
        var isDropped = false
        let start = Date()
        let done = try spool.run({
            $0.policyFile = path
            $0.countSeconds = 0.2
        }) {
            if let id = spool.ids.first, FolderListing.exists(spool.layout.job(id).path + "/started"), !isDropped,
                Date().timeIntervalSince(start) > 2.5
            {
                isDropped = true
                try spool.drop("b.yaml", owner: 4242)
            }
            if FolderListing.exists(spool.layout.rejected + "/b.yaml/error.json") || spool.jobs.count > 1 {
                try DurableFiles.replace(spool.layout.root + "/end", with: "")
            }
            return spool.jobs.contains { $0.state == .succeeded }
        }
        #expect(done && spool.jobs.count == 1)
        #expect(try spool.rejection("b.yaml")["message"]?.string?.contains("over quota: disk") == true)
    }

    @Test func aCancelledJobThatWaitedHasItsCheckpointExportedAlsoAfterTheDaemonsDeath() throws {
        for dies in [false, true] {
            let spool = try TestSpool(worker: "exit 1")
            defer { spool.remove() }
            // The script's own salvage is for jobs that are given up.
            let script = try String(contentsOfFile: spool.workerPath, encoding: .utf8).replacingOccurrences(
                of: "if [ $task = salvage ]; then state failed; exit 1; fi",
                with:
                    "if [ $task = salvage ]; then echo exported >>$job/../../log; mkdir -p $job/result/partial; reason requested; exit 3; fi"
            )
            try DurableFiles.replace(spool.workerPath, with: script, mode: 0o755)
            chmod(spool.workerPath, 0o755)
            try spool.drop("a.yaml", TestSpool.manifest + "not_before: 99999999999\n")
            #expect(try spool.run { spool.jobs.first?.state == .queued })
            let folder = spool.layout.job(try #require(spool.ids.first))
            try FileManager.default.createDirectory(atPath: folder.checkpoints + "/step-000004", withIntermediateDirectories: true)
            try spool.ask("cancel", folder.id)
            if dies {
                // As if the daemon had died between the cancellation and the export.
                #expect(try spool.run { spool.jobs.first?.state == .cancelled })
                if spool.log.isEmpty { #expect(spool.jobs.first?.reason == .exportingCheckpoint) }
            }
            #expect(try spool.run { spool.jobs.first?.state == .cancelled && spool.jobs.first?.reason == .requested })
            #expect(spool.log == ["exported"] && FolderListing.exists(folder.result + "/partial"))
        }
    }
}
