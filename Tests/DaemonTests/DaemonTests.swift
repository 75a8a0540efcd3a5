import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import Testing

@testable import Daemon

@Suite(.serialized) struct DaemonTests {
    @Test func aDroppedManifestBecomesAJobThatRuns() throws {
        let spool = try TestSpool(worker: "state succeeded\nexit 0\n")
        defer { spool.remove() }
        try spool.drop("a.yaml", TestSpool.manifest)
        try spool.drop("b.json", #"{"model": "m", "training_file": "t.jsonl"}"#)
        #expect(try spool.drain() == 0)
        #expect(spool.jobs.map(\.state) == [.succeeded, .succeeded])
        #expect(try FolderListing.names(in: spool.layout.incoming).isEmpty)
        #expect(try FolderListing.names(in: spool.layout.jobs).allSatisfy { !$0.hasPrefix(".") })
        for status in spool.jobs { #expect(try spool.layout.job(status.id).manifest().model == "m") }
    }

    @Test func aBundleBringsItsDataAlong() throws {
        let spool = try TestSpool(worker: "state succeeded\nexit 0\n")
        defer { spool.remove() }
        let bundle = spool.layout.root + "/.bundle"
        try FileManager.default.createDirectory(atPath: bundle, withIntermediateDirectories: true)
        try DurableFiles.replace(bundle + "/manifest.yaml", with: "model: m\ntraining_file: own.jsonl\n")
        try DurableFiles.replace(bundle + "/own.jsonl", with: "{}\n")
        try FileManager.default.moveItem(atPath: bundle, toPath: spool.layout.incoming + "/bundle")
        #expect(try spool.drain() == 0)
        let path = try spool.layout.job(#require(spool.jobs.first).id).acceptance().trainingPath
        #expect(path.hasSuffix("/bundle/own.jsonl") && FileManager.default.fileExists(atPath: path))
    }

    @Test(
        arguments: [
            ("bad.yaml", "model: m\ntraining_file: t.jsonl\nnum_train_epochs: 1\n", "num_train_epochs"),
            ("gone.yaml", "model: nope\ntraining_file: t.jsonl\n", "model"),
            ("file.yaml", "model: m\ntraining_file: ../../etc/passwd\n", "training_file"),
            ("root.yaml", "model: m\ntraining_file: /etc/passwd\n", "training_file"),
            ("broken.json", "{\"model\": ", nil), ("empty.yaml", "", nil), ("up.yaml", "model: ../m\ntraining_file: t.jsonl\n", "model"),
            ("word.txt", "hello", nil),
        ] as [(String, String, String?)])
    func aBadManifestIsRejectedWithItsReasonAndTheDaemonGoesOn(name: String, text: String, param: String?) throws {
        let spool = try TestSpool(worker: "state succeeded\nexit 0\n")
        defer { spool.remove() }
        try spool.drop(name, text)
        try spool.drop("zgood.yaml", TestSpool.manifest)
        #expect(try spool.drain() == 1)
        #expect(spool.jobs.map(\.state) == [.succeeded])
        let error = try JSONParser().parse(DurableFiles.read(spool.layout.rejected + "/\(name)/error.json"))
        #expect(error["message"]?.string?.isEmpty == false && error["param"]?.string == param)
        #expect(try DurableFiles.read(spool.layout.rejected + "/\(name)/\(name)") == Array(text.utf8))
    }

    @Test func linksDevicesAndFoldersWithoutManifestsAreRejected() throws {
        let spool = try TestSpool(worker: "state succeeded\nexit 0\n")
        defer { spool.remove() }
        symlink("/etc/passwd", spool.layout.incoming + "/link.yaml")
        mkfifo(spool.layout.incoming + "/pipe.yaml", 0o644)
        mkdir(spool.layout.incoming + "/folder", 0o755)
        try DurableFiles.replace(spool.layout.root + "/original", with: TestSpool.manifest)
        link(spool.layout.root + "/original", spool.layout.incoming + "/hard.yaml")
        #expect(try spool.drain() == 1)
        #expect(try FolderListing.names(in: spool.layout.rejected) == ["folder", "hard.yaml", "link.yaml", "pipe.yaml"])
    }

    @Test func filesThatAreBeingWrittenAreNotLookedAt() throws {
        let spool = try TestSpool(worker: "state succeeded\nexit 0\n")
        defer { spool.remove() }
        for name in [".a.yaml", "b.yaml~", "c.yaml.tmp", "d.part", "e.swp"] {
            try DurableFiles.replace(spool.layout.incoming + "/" + name, with: TestSpool.manifest)
        }
        #expect(try spool.drain() == 0)
        let left = try FolderListing.names(in: spool.layout.incoming)
        #expect(spool.jobs.isEmpty && left.count == 5)
    }

    @Test func aWorkerThatDiesIsTriedAgainAndNotForEver() throws {
        let spool = try TestSpool(worker: "kill -9 $$\n")
        defer { spool.remove() }
        try spool.drop("a.yaml", TestSpool.manifest)
        #expect(try spool.drain() == 1)
        let status = try #require(spool.jobs.first)
        #expect(status.state == .failed && status.error?.code == .workerCrashed && status.attempts == 4)
        #expect(status.error?.message.contains("signal 9") == true)
    }

    @Test func aWorkerThatStopsWithACheckpointIsStartedAgain() throws {
        let spool = try TestSpool(worker: "if [ -e $job/once ]; then state succeeded; exit 0; fi\ntouch $job/once\nexit 75\n")
        defer { spool.remove() }
        try spool.drop("a.yaml", TestSpool.manifest)
        #expect(try spool.drain() == 0)
        #expect(spool.jobs.first?.state == .succeeded && spool.jobs.first?.attempts == 2)
    }

    @Test func aCancelledJobIsNeverStartedAndAPausedOneWaits() throws {
        let spool = try TestSpool(worker: "state succeeded\nexit 0\n")
        defer { spool.remove() }
        try spool.drop("a.yaml", TestSpool.manifest + "not_before: 99999999999\n")
        var seen: [JobState] = []
        let done = try spool.run {
            guard let status = spool.jobs.first else { return false }
            if status.state == .queued, !seen.contains(.queued) { try spool.ask("pause", status.id) }
            if status.state == .paused, seen.last != .paused { try spool.ask("cancel", status.id) }
            seen.append(status.state)
            return status.state == .cancelled
        }
        let left = try FolderListing.names(in: spool.layout.control)
        #expect(done && seen.contains(.paused) && left.isEmpty && spool.jobs.first?.attempts == 0)
    }

    @Test func whatAKilledDaemonLeftIsTakenUpAgain() throws {
        let spool = try TestSpool(worker: "state succeeded\nexit 0\n")
        defer { spool.remove() }
        // A claim without a job, a half-built job folder, and a job that was running.
        let claim = spool.layout.jobs + "/.claim-ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa"
        mkdir(claim, 0o700)
        try DurableFiles.replace(claim + "/drop", with: TestSpool.manifest)
        mkdir(spool.layout.jobs + "/.new-ftjob-01bbbbbbbbbbbbbbbbbbbbbbbb", 0o755)
        try spool.drop("a.yaml", TestSpool.manifest)
        #expect(try spool.drain() == 0)
        var status = try #require(spool.jobs.first)
        status = JobStatus(copying: status, in: .running)
        try spool.layout.job(status.id).write(status)
        #expect(try spool.drain() == 0)
        #expect(spool.jobs.count == 2 && spool.jobs.allSatisfy { $0.state == .succeeded })
        #expect(try FolderListing.names(in: spool.layout.jobs).allSatisfy { !$0.hasPrefix(".") })
    }

    @Test func twoDaemonsNeverShareASpool() throws {
        let spool = try TestSpool(worker: "exit 0\n")
        defer { spool.remove() }
        let lock = try FileLock(path: spool.layout.lockFile)
        #expect(throws: TalaDaemon.StartError.self) { try spool.drain() }
        withExtendedLifetime(lock) {}
    }
}
