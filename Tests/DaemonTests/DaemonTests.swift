import Daemon
import Foundation
import JSON
import Jobs
import Spool
import Storage
import Testing

/// A spool in a temporary folder, a model that is only a name, and a worker that is a shell script.
struct TestSpool {
    let layout: SpoolLayout

    init(worker: String) throws {
        layout = SpoolLayout(root: NSTemporaryDirectory() + "tala-spool-\(UUID().uuidString)")
        for folder in [layout.root] + layout.folders {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        try FileManager.default.createDirectory(atPath: layout.models + "/m", withIntermediateDirectories: true)
        try DurableFiles.replace(layout.models + "/m/config.json", with: "{}")
        try DurableFiles.replace(layout.files + "/t.jsonl", with: "{}\n")
        try DurableFiles.replace(
            workerPath,
            with:
                "#!/bin/sh\njob=$3\nset_state() { sed -i \"s/\\\"status\\\": \\\"[a-z_]*\\\"/\\\"status\\\": \\\"$1\\\"/\" \"$job/status.json\"; }\n"
                + worker, mode: 0o755)
        chmod(workerPath, 0o755)
    }

    var workerPath: String { layout.root + "/worker.sh" }

    func drop(_ name: String, _ text: String) throws {
        try DurableFiles.replace(layout.root + "/." + name, with: text)
        try FileManager.default.moveItem(atPath: layout.root + "/." + name, toPath: layout.incoming + "/" + name)
    }

    func drain(retryDelays: [Double] = [0, 0, 0]) throws -> Int32 {
        let configuration = TalaDaemon.Configuration(
            layout: layout, device: "cpu", workerProgram: workerPath, drains: true, retryDelays: retryDelays)
        return try TalaDaemon(configuration, mustStop: { false }).run()
    }

    var jobs: [JobStatus] {
        ((try? FolderListing.names(in: layout.jobs)) ?? []).filter { JobIdentifier.isJob($0) }.compactMap { layout.job($0).status() }
    }

    func remove() { FolderListing.delete(layout.root) }
}

@Suite(.serialized) struct DaemonTests {
    static let manifest = "model: m\ntraining_file: t.jsonl\n"

    @Test func aDroppedManifestBecomesAJobThatRuns() throws {
        let spool = try TestSpool(worker: "set_state succeeded\nexit 0\n")
        defer { spool.remove() }
        try spool.drop("a.yaml", Self.manifest)
        try spool.drop("b.json", #"{"model": "m", "training_file": "t.jsonl"}"#)
        #expect(try spool.drain() == 0)
        #expect(spool.jobs.map(\.state) == [.succeeded, .succeeded])
        #expect(try FolderListing.names(in: spool.layout.incoming).isEmpty)
        #expect(try FolderListing.names(in: spool.layout.jobs).allSatisfy { !$0.hasPrefix(".") })
        for status in spool.jobs { #expect(try spool.layout.job(status.id).manifest().model == "m") }
    }

    @Test func aBundleBringsItsDataAlong() throws {
        let spool = try TestSpool(worker: "set_state succeeded\nexit 0\n")
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
        let spool = try TestSpool(worker: "set_state succeeded\nexit 0\n")
        defer { spool.remove() }
        try spool.drop(name, text)
        try spool.drop("zgood.yaml", Self.manifest)
        #expect(try spool.drain() == 1)
        #expect(spool.jobs.map(\.state) == [.succeeded])
        let error = try JSONParser().parse(DurableFiles.read(spool.layout.rejected + "/\(name)/error.json"))
        #expect(error["message"]?.string?.isEmpty == false && error["param"]?.string == param)
        #expect(try DurableFiles.read(spool.layout.rejected + "/\(name)/\(name)") == Array(text.utf8))
    }

    @Test func linksDevicesAndFoldersWithoutManifestsAreRejected() throws {
        let spool = try TestSpool(worker: "set_state succeeded\nexit 0\n")
        defer { spool.remove() }
        symlink("/etc/passwd", spool.layout.incoming + "/link.yaml")
        mkfifo(spool.layout.incoming + "/pipe.yaml", 0o644)
        mkdir(spool.layout.incoming + "/folder", 0o755)
        try DurableFiles.replace(spool.layout.root + "/original", with: Self.manifest)
        link(spool.layout.root + "/original", spool.layout.incoming + "/hard.yaml")
        #expect(try spool.drain() == 1)
        #expect(try FolderListing.names(in: spool.layout.rejected) == ["folder", "hard.yaml", "link.yaml", "pipe.yaml"])
    }

    @Test func filesThatAreBeingWrittenAreNotLookedAt() throws {
        let spool = try TestSpool(worker: "set_state succeeded\nexit 0\n")
        defer { spool.remove() }
        for name in [".a.yaml", "b.yaml~", "c.yaml.tmp", "d.part", "e.swp"] {
            try DurableFiles.replace(spool.layout.incoming + "/" + name, with: Self.manifest)
        }
        #expect(try spool.drain() == 0)
        let left = try FolderListing.names(in: spool.layout.incoming)
        #expect(spool.jobs.isEmpty && left.count == 5)
    }

    @Test func aWorkerThatDiesIsTriedAgainAndNotForEver() throws {
        let spool = try TestSpool(worker: "kill -9 $$\n")
        defer { spool.remove() }
        try spool.drop("a.yaml", Self.manifest)
        #expect(try spool.drain() == 1)
        let status = try #require(spool.jobs.first)
        #expect(status.state == .failed && status.error?.code == "worker_crashed" && status.attempts == 4)
    }

    @Test func aWorkerThatStopsWithACheckpointIsStartedAgain() throws {
        let spool = try TestSpool(worker: "if [ -e $job/once ]; then set_state succeeded; exit 0; fi\ntouch $job/once\nexit 75\n")
        defer { spool.remove() }
        try spool.drop("a.yaml", Self.manifest)
        #expect(try spool.drain() == 0)
        #expect(spool.jobs.first?.state == .succeeded && spool.jobs.first?.attempts == 2)
    }

    @Test func aCancelledJobIsNeverStartedAndAPausedOneWaits() throws {
        let spool = try TestSpool(worker: "set_state succeeded\nexit 0\n")
        defer { spool.remove() }
        try spool.drop("a.yaml", Self.manifest + "not_before: 99999999999\n")
        let configuration = TalaDaemon.Configuration(layout: spool.layout, device: "cpu", workerProgram: spool.workerPath, drains: false)
        nonisolated(unsafe) var turns = 0
        var id = ""
        let daemon = try TalaDaemon(configuration) {
            turns += 1
            if turns == 2 {
                id = spool.jobs.first?.id ?? ""
                _ = FileManager.default.createFile(atPath: spool.layout.control + "/\(id).pause", contents: nil)
            }
            if turns == 4 { _ = FileManager.default.createFile(atPath: spool.layout.control + "/\(id).cancel", contents: nil) }
            return turns > 6
        }
        _ = daemon.run()
        let left = try FolderListing.names(in: spool.layout.control)
        #expect(spool.jobs.first?.state == .cancelled && left.isEmpty)
    }

    @Test func whatAKilledDaemonLeftIsTakenUpAgain() throws {
        let spool = try TestSpool(worker: "set_state succeeded\nexit 0\n")
        defer { spool.remove() }
        // A claim without a job, a half-built job folder, and a job that was running.
        let claim = spool.layout.jobs + "/.claim-ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa"
        mkdir(claim, 0o700)
        try DurableFiles.replace(claim + "/drop", with: Self.manifest)
        mkdir(spool.layout.jobs + "/.new-ftjob-01bbbbbbbbbbbbbbbbbbbbbbbb", 0o755)
        try spool.drop("a.yaml", Self.manifest)
        #expect(try spool.drain() == 0)
        var status = try #require(spool.jobs.first)
        status.state = .running
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

    @Test func threeHundredDropsAreEachAcceptedOnce() throws {
        let spool = try TestSpool(worker: "set_state succeeded\nexit 0\n")
        defer { spool.remove() }
        for index in 0..<300 { try spool.drop("job\(index).yaml", Self.manifest + "priority: \(index % 7)\nnot_before: 99999999999\n") }
        nonisolated(unsafe) var turns = 0
        let configuration = TalaDaemon.Configuration(layout: spool.layout, device: "cpu", workerProgram: spool.workerPath, drains: false)
        _ = try TalaDaemon(
            configuration,
            mustStop: {
                turns += 1; return turns > 2
            }
        ).run()
        #expect(spool.jobs.count == 300 && Set(spool.jobs.map(\.id)).count == 300)
        #expect(try FolderListing.names(in: spool.layout.incoming).isEmpty)
    }
}
