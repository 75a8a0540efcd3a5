import Foundation
import JSON
import Jobs
import Spool
import Storage
import Testing

@testable import Daemon

/// One test for each row of docs/recovery.md that is the daemon's.
@Suite(.serialized) struct RecoveryTests {
    static let id = "ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa"

    /// A spool with a job that was accepted, in a state that `change` makes of it.
    static func spool(_ change: (inout JobStatus) -> Void) throws -> (spool: TestSpool, id: String) {
        let spool = try TestSpool(worker: "echo $task >>$job/../../log; state succeeded\nexit 0\n")
        try spool.drop("a.yaml")
        #expect(try spool.run(until: { spool.jobs.first?.state == .queued || spool.jobs.first?.state == .succeeded }))
        var status = try #require(spool.jobs.first)
        FolderListing.delete(spool.layout.root + "/log")
        status = JobStatus(copying: status, in: .queued)
        change(&status)
        try spool.layout.job(status.id).write(status)
        return (spool, status.id)
    }

    @Test func aClaimWithoutAJobGoesBackAndIsJudgedAgain() throws {
        let spool = try TestSpool(worker: "state succeeded\nexit 0\n")
        defer { spool.remove() }
        try FileManager.default.createDirectory(atPath: spool.layout.claim(Self.id), withIntermediateDirectories: true)
        try DurableFiles.replace(spool.layout.claim(Self.id) + "/drop", with: TestSpool.manifest)
        #expect(try spool.drain() == 0)
        #expect(spool.jobs.map(\.state) == [.succeeded])
        #expect(try FolderListing.names(in: spool.layout.jobs).allSatisfy { !$0.hasPrefix(".") })
    }

    @Test func aClaimWhoseJobIsThereGoes() throws {
        let (spool, id) = try Self.spool { _ in }
        defer { spool.remove() }
        try FileManager.default.createDirectory(atPath: spool.layout.claim(id), withIntermediateDirectories: true)
        try DurableFiles.replace(spool.layout.claim(id) + "/drop", with: TestSpool.manifest)
        #expect(try spool.drain() == 0)
        #expect(spool.jobs.map(\.state) == [.succeeded])
        #expect(!FolderListing.exists(spool.layout.claim(id)))
    }

    @Test func aHalfBuiltJobGoesAndItsBundleIsJudgedAgain() throws {
        let spool = try TestSpool(worker: "state succeeded\nexit 0\n")
        defer { spool.remove() }
        let bundle = spool.layout.building(Self.id) + "/bundle"
        try FileManager.default.createDirectory(atPath: bundle, withIntermediateDirectories: true)
        try DurableFiles.replace(bundle + "/manifest.yaml", with: TestSpool.manifest)
        #expect(try spool.drain() == 0)
        #expect(spool.jobs.map(\.state) == [.succeeded])
        #expect(!FolderListing.exists(spool.layout.building(Self.id)))
    }

    @Test(arguments: [JobState.validatingFiles, .queued, .running]) func aJobThatWasUnderWayGoesOn(state: JobState) throws {
        let (spool, _) = try Self.spool { $0 = JobStatus(copying: $0, in: state) }
        defer { spool.remove() }
        #expect(try spool.drain() == 0)
        #expect(spool.jobs.map(\.state) == [.succeeded] && spool.log.contains("run"))
    }

    @Test func aJobPausedForWantOfRoomGoesOnAndOneThatWasAskedToPauseWaits() throws {
        let (spool, id) = try Self.spool {
            $0 = JobStatus(copying: $0, in: .paused)
            $0.reason = .diskFull
        }
        defer { spool.remove() }
        #expect(try spool.run(until: { spool.jobs.first?.state == .succeeded }))
        var status = try #require(spool.layout.job(id).status())
        status = JobStatus(copying: status, in: .paused)
        status.reason = .requested
        try spool.layout.job(id).write(status)
        #expect(try spool.drain() == 0)
        #expect(spool.jobs.map(\.state) == [.paused])
    }

    @Test(arguments: [JobState.succeeded, .failed, .cancelled]) func aJobThatHasEndedIsLeftAlone(state: JobState) throws {
        let (spool, id) = try Self.spool { $0 = JobStatus(copying: $0, in: state) }
        defer { spool.remove() }
        let before = try DurableFiles.read(spool.layout.job(id).statusFile)
        _ = try spool.drain()
        #expect(try DurableFiles.read(spool.layout.job(id).statusFile) == before && spool.log.isEmpty)
    }

    @Test func aJobWhoseLockIsHeldWaitsForIt() throws {
        let (spool, id) = try Self.spool { _ in }
        defer { spool.remove() }
        var lock = try FileLock(path: spool.layout.job(id).lockFile)
        #expect(lock != nil)
        nonisolated(unsafe) var turns = 0
        try spool.run(until: {
            turns += 1
            return turns > 4
        })
        #expect(spool.log.isEmpty)
        lock = nil
        #expect(try spool.drain() == 0)
        #expect(spool.jobs.map(\.state) == [.succeeded])
    }

    /// What must survive of a job is in its ledger: a status that is cut at any byte costs nothing.
    @Test(arguments: ["status.json", "ledger.json"]) func whatIsDamagedOfLedgerAndStatusIsMadeAnewFromTheOtherOne(name: String) throws {
        let figures = PlanFigures(
            microBatchTokens: 64, recomputedLayers: 1, logitsBytes: 1, baseWeights: "q8", arenaBytes: 10, persistentBytes: 20,
            mappedWeightBytes: 30, exchangeBytes: 0, deviceBytes: 60, workspaceBytes: 0, programBytes: 0, peakBytes: 60,
            floatingPointOperations: 1, kernelCalls: 1)
        let (spool, id) = try Self.spool {
            $0 = JobStatus(copying: $0, in: .paused)
            $0.reason = .requested
            $0.usage.add(deviceSeconds: 7300, trainedTokensInAll: 500, month: "2026-11")
            $0.grantedUsage = .init(trainedTokens: 100, deviceSeconds: 50)
            $0.plan = figures
            $0.attempts = 3
            $0.crashes = CrashRecord(count: 2, step: 7, checkpoint: 5)
            $0.checkpoint = "step-000005"
            $0.device = "cpu"
        }
        defer { spool.remove() }
        let folder = spool.layout.job(id)
        let (ledger, path) = (try #require(folder.status()).ledger, folder.path + "/" + name)
        let whole = try DurableFiles.read(path)
        for length in [nil, 0, 1, whole.count / 3, whole.count / 2, whole.count - 4] {
            if let length {
                try DurableFiles.replace(path, with: String(decoding: whole.prefix(length), as: UTF8.self))
            } else {
                try DurableFiles.remove(path)
            }
            #expect(try spool.drain() == 0, "cut at \(length ?? -1)")
            #expect(folder.status()?.ledger == ledger && folder.status()?.owner == Int(getuid()), "cut at \(length ?? -1)")
            #expect(try folder.ledger() == .found(ledger) && folder.shownStatus() != nil, "cut at \(length ?? -1)")
        }
        #expect(spool.events(id).contains("\"code\":\"made_anew\"") && spool.log.isEmpty)
    }

    /// A flipped bit that leaves the ledger JSON is found by its digest.
    @Test func aFlippedBitInALedgerIsFound() throws {
        let (spool, id) = try Self.spool {
            $0 = JobStatus(copying: $0, in: .paused)
            $0.reason = .requested
            $0.attempts = 3
        }
        defer { spool.remove() }
        let folder = spool.layout.job(id)
        let text = String(decoding: try DurableFiles.read(folder.ledgerFile), as: UTF8.self)
        try DurableFiles.replace(folder.ledgerFile, with: text.replacingOccurrences(of: "\"attempts\": 3", with: "\"attempts\": 2"))
        guard case .damaged = try folder.ledger() else {
            Issue.record("the ledger was believed")
            return
        }
        #expect(try spool.drain() == 0)
        #expect(folder.status()?.attempts == 3 && folder.status()?.state == .paused)
    }

    @Test func aJobPausedForWantOfRoomGoesOnByItselfAlsoWhenItsStatusIsLost() throws {
        let (spool, id) = try Self.spool {
            $0 = JobStatus(copying: $0, in: .paused)
            $0.reason = .diskFull
            $0.neededBytes = 1000
            $0.attempts = 2
        }
        defer { spool.remove() }
        try DurableFiles.replace(spool.layout.job(id).statusFile, with: "{")
        #expect(try spool.run(until: { spool.jobs.first?.state == .succeeded }))
        #expect(spool.jobs.first?.attempts == 3)
    }

    /// What neither ledger nor status say any more, validation and events do as far as they can.
    @Test func withoutLedgerAndStatusAJobIsWhatItsEventsAndItsValidationSay() throws {
        let (spool, id) = try Self.spool { _ in }
        defer { spool.remove() }
        let folder = spool.layout.job(id)
        try EventLog(folder).append(.info, .cancelled, "It was cancelled", at: 5)
        let plan: JSONNode = ["micro_batch_tokens": 64, "recomputed_layers": 1, "logits_bytes": 1, "base_weights": "q8", "arena_bytes": 9]
        try OwnDigests.replace(folder.validationFile, with: JSONWriter().string(["plan": plan, "total_steps": 12]))
        try DurableFiles.replace(folder.statusFile, with: "{")
        try DurableFiles.replace(folder.ledgerFile, with: "{")
        _ = try spool.drain()
        let status = try #require(folder.status())
        // A job that had been cancelled is not begun again.
        #expect(status.state == .cancelled && status.finishedAt == 5 && status.plan?.arenaBytes == 9 && status.progress.totalSteps == 12)
        #expect(try folder.ledger() == .found(status.ledger) && spool.log.isEmpty)
    }

    /// What a worker metered after its last entry stands in the status alone; what the ledger says
    /// of the rest counts.
    @Test func aStatusThatIsBehindTheLedgerIsRenderedAgainAndItsLaterUseIsKept() throws {
        let (spool, id) = try Self.spool {
            $0 = JobStatus(copying: $0, in: .running)
            $0.progress.step = 7
            $0.usage.add(deviceSeconds: 30, trainedTokensInAll: 500, month: "2026-11")
        }
        defer { spool.remove() }
        let folder = spool.layout.job(id)
        var ledger = try #require(folder.status()).ledger.assuming(.cancelled)
        ledger.usage = Usage()
        try folder.enter(ledger)
        _ = try spool.drain()
        let status = try #require(try folder.shownStatus())
        #expect(status.state == .cancelled && status.progress.step == 7 && status.usage.total.trainedTokens == 500)
    }

    /// Programs before the ledger: their jobs get one, and everything else stays as it is.
    @Test func aJobOfAnEarlierProgramGetsALedgerOfWhatItsStatusSays() throws {
        let (spool, id) = try Self.spool {
            $0 = JobStatus(copying: $0, in: .paused)
            $0.reason = .timeLimit
            $0.attempts = 4
        }
        defer { spool.remove() }
        let folder = spool.layout.job(id)
        // As another program may have written it.
        let before = try DurableFiles.read(folder.statusFile) + Array("\n".utf8)
        try DurableFiles.replace(folder.statusFile, with: String(decoding: before, as: UTF8.self))
        let list = String(decoding: try DurableFiles.read(folder.path + "/" + OwnDigests.listName), as: UTF8.self)
        let old = list.split(separator: "\n").filter { !$0.hasSuffix("ledger.json") }.joined(separator: "\n") + "\n"
        try DurableFiles.replace(folder.path + "/" + OwnDigests.listName, with: old)
        try DurableFiles.remove(folder.ledgerFile)
        try DurableFiles.replace(spool.layout.formatFile, with: "1\n")
        #expect(try folder.ledger() == .none && spool.drain() == 0)
        #expect(try folder.ledger() == .found(try #require(folder.status()).ledger) && folder.status()?.attempts == 4)
        #expect(try DurableFiles.read(folder.statusFile) == before && !spool.events(id).contains("made_anew"))
        #expect(try DurableFiles.read(spool.layout.formatFile) == Array("2\n".utf8))
    }

    @Test(arguments: ["manifest.json", "job.json"]) func aFlippedBitInAJobsOwnFilesEndsItWithAWord(name: String) throws {
        let (spool, id) = try Self.spool { _ in }
        defer { spool.remove() }
        let path = spool.layout.job(id).path + "/" + name
        var bytes = try DurableFiles.read(path)
        // A digit of a number, so that it stays JSON.
        let place = try #require(bytes.lastIndex { (0x30...0x39).contains($0) })
        bytes[place] ^= 1
        try DurableFiles.replace(path, with: String(decoding: bytes, as: UTF8.self))
        #expect(try spool.drain() == 1)
        let status = try #require(spool.layout.job(id).status())
        #expect(status.state == .failed && status.error?.code == .damagedJob && spool.log.isEmpty)
        #expect(status.error?.message.contains("drop its manifest again") == true)
        #expect(spool.events(id).contains(name) && spool.events(id).contains("SHA-256"))
    }

    /// The list of digests itself: nothing that it stands for is believed any more, and the job
    /// ends with a word, once.
    @Test func aDamagedListOfDigestsEndsTheJobWithAWord() throws {
        let (spool, id) = try Self.spool { _ in }
        defer { spool.remove() }
        let folder = spool.layout.job(id)
        try DurableFiles.replace(folder.path + "/" + OwnDigests.listName, with: "no digest\n")
        #expect(try spool.drain() == 1)
        let status = try #require(folder.status())
        #expect(status.state == .failed && status.error?.code == .damagedJob && spool.log.isEmpty)
        #expect(status.error?.message.contains(OwnDigests.listName) == true)
        let events = spool.events(id)
        #expect(try spool.drain() == 0 && spool.events(id) == events && folder.ledger() == .found(status.ledger))
    }

    /// Nothing says any more what such a job was: its owner is told so, and it is not there for
    /// ever.
    @Test(arguments: ["manifest.json", "job.json"], [true, false])
    func aJobOfWhichNothingCanBeUnderstoodHasFailed(name: String, isThere: Bool) throws {
        let (spool, id) = try Self.spool { _ in }
        defer { spool.remove() }
        let folder = spool.layout.job(id)
        try DurableFiles.replace(folder.statusFile, with: "{\"id\": ")
        try DurableFiles.replace(folder.ledgerFile, with: "{")
        if isThere {
            try DurableFiles.replace(folder.path + "/" + name, with: "\u{1}\u{2}")
        } else {
            try DurableFiles.remove(folder.path + "/" + name)
        }
        for start in 0..<2 {
            #expect(try spool.drain() == (start == 0 ? 1 : 0))
            let status = try #require(folder.status())
            #expect(
                status.state == .failed && status.error?.code == .damagedJob && status.error?.message.contains(name) == true, "\(status)")
            #expect(status.createdAt > 1_700_000_000 && status.finishedAt != nil && spool.log.isEmpty)
            #expect(name == "job.json" || status.owner == Int(getuid()))
        }
        #expect(spool.events(id).split(separator: "\n").count { $0.contains("Fine-tuning job failed") } == 1)
        // What is not a job is left as it is.
        for file in [folder.statusFile, folder.ledgerFile, folder.path + "/manifest.json", folder.path + "/job.json"] {
            try? DurableFiles.remove(file)
        }
        #expect(try spool.drain() == 0 && !FolderListing.exists(folder.statusFile))
    }

    @Test func aWorkerThatDiesAfterItHasSaidHowTheJobEndedChangesNothing() throws {
        let spool = try TestSpool(worker: "touch $job/.ballast; state succeeded; kill -9 $$\n")
        defer { spool.remove() }
        try spool.drop("a.yaml")
        #expect(try spool.drain() == 0)
        #expect(!FolderListing.exists(spool.layout.job(try #require(spool.ids.first)).ballastFile))
        #expect(spool.jobs.map(\.state) == [.succeeded] && spool.jobs.first?.attempts == 1)
    }

    @Test func whatWorkersLeftHalfWrittenGoes() throws {
        let (spool, id) = try Self.spool { $0 = JobStatus(copying: $0, in: .cancelled) }
        defer { spool.remove() }
        let folder = spool.layout.job(id)
        try FileManager.default.createDirectory(atPath: folder.checkpoints + "/.step-000004.17.tmp", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: folder.checkpoints + "/.trash-step-000002-5", withIntermediateDirectories: true)
        try DurableFiles.replace(folder.ballastFile, with: "ballast")
        // Of a worker that died between the job's end and its own.
        try DurableFiles.replace(folder.pulseFile, with: "saving 4 9")
        _ = try spool.drain()
        #expect(try FolderListing.names(in: folder.checkpoints).isEmpty && !FolderListing.exists(folder.ballastFile))
        #expect(!FolderListing.exists(folder.pulseFile))
    }
}
