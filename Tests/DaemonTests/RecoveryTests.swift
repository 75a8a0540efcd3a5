import Foundation
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

    /// What an accepted job was is in its other files too: a status that is cut at any byte costs nothing.
    @Test func aDamagedStatusIsMadeAnewFromTheOtherFiles() throws {
        let (spool, id) = try Self.spool { _ in }
        defer { spool.remove() }
        let folder = spool.layout.job(id)
        let whole = try DurableFiles.read(folder.statusFile)
        for length in [0, 1, whole.count / 3, whole.count / 2, whole.count - 4] {
            try DurableFiles.replace(folder.statusFile, with: String(decoding: whole.prefix(length), as: UTF8.self))
            #expect(try spool.drain() == 0, "cut at \(length)")
            #expect(folder.status()?.state == .succeeded && folder.status()?.id == id, "cut at \(length)")
        }
        // A job that had been cancelled is not begun again.
        try EventLog(folder).append(.info, .cancelled, "Fine-tuning job cancelled", at: 5)
        try DurableFiles.replace(folder.statusFile, with: "{")
        _ = try spool.drain()
        #expect(folder.status()?.state == .cancelled)
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

    /// Nothing says any more what such a job was: its owner is told so, and it is not there for ever.
    @Test(arguments: ["manifest.json", "job.json"], [true, false])
    func aJobOfWhichNothingCanBeUnderstoodHasFailed(name: String, isThere: Bool) throws {
        let (spool, id) = try Self.spool { _ in }
        defer { spool.remove() }
        let folder = spool.layout.job(id)
        try DurableFiles.replace(folder.statusFile, with: "{\"id\": ")
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
        // What is no job is left as it is.
        for file in [folder.statusFile, folder.path + "/manifest.json", folder.path + "/job.json"] { try? DurableFiles.remove(file) }
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
        _ = try spool.drain()
        #expect(try FolderListing.names(in: folder.checkpoints).isEmpty && !FolderListing.exists(folder.ballastFile))
    }
}
