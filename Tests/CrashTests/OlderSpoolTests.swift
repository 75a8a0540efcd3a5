import Foundation
import JSON
import Jobs
import Spool
import Storage
import TestSupport
import Testing

/// Spools as earlier programs left them, kept in OlderSpools/VERSION: a job with a checkpoint that
/// was cut in its sixth step, one that is paused, one that was cancelled, a rejection. `format-1`
/// is the last form without ledgers; it has a job too that is paused for want of room. `/SPOOL`
/// stands for the spool's path; the model is demo/model.
@Suite(.serialized, .enabled(if: FileManager.default.fileExists(atPath: BuiltProgram.folder + "/tala-worker"), "tala-worker is not built"))
struct OlderSpoolTests {
    static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    static let folder = repository + "/Tests/CrashTests/OlderSpools"
    static let versions = ((try? FolderListing.names(in: folder)) ?? []).filter { !$0.hasPrefix(".") }

    static func copy(_ version: String) throws -> SpoolLayout {
        let layout = SpoolLayout(root: NSTemporaryDirectory() + "tala-older-\(UUID().uuidString)")
        try FileManager.default.copyItem(atPath: folder + "/" + version, toPath: layout.root)
        for folder in layout.folders where !FolderListing.exists(folder) { try DurableFiles.makeFolder(folder) }
        try FileManager.default.copyItem(atPath: repository + "/demo/model", toPath: layout.models + "/tala-small")
        for id in try FolderListing.names(in: layout.jobs) {
            let file = layout.job(id).acceptanceFile
            let text = try String(decoding: DurableFiles.read(file), as: UTF8.self).replacingOccurrences(of: "/SPOOL", with: layout.root)
            try OwnDigests.replace(file, with: text)
        }
        return layout
    }

    static func talad(_ layout: SpoolLayout) throws -> (code: Int32, words: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: BuiltProgram.folder + "/talad")
        process.arguments = ["--spool", layout.root, "--device", "cpu", "--drain"]
        let pipe = Pipe()
        process.standardError = pipe
        try process.run()
        let words = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: words, as: UTF8.self))
    }

    /// Every file of a folder but the daemon's own litter and what an earlier program did not have,
    /// and what is in it.
    static func contents(_ folder: String) throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for case let name as String in FileManager.default.enumerator(atPath: folder) ?? .init()
        where !name.hasSuffix(".lock") && !["ledger.json", OwnDigests.listName].contains(name) {
            if let data = FileManager.default.contents(atPath: folder + "/" + name), !FolderListing.isFolder(folder + "/" + name) {
                contents[name] = data
            }
        }
        return contents
    }

    @Test(arguments: versions) func aSpoolOfAnEarlierProgramIsReadAndItsJobsGoOn(version: String) throws {
        let layout = try Self.copy(version)
        defer { FolderListing.delete(layout.root) }
        let folders = try FolderListing.names(in: layout.jobs).filter { JobIdentifier.isJob($0) }.map(layout.job)
        func find(_ drop: String) -> JobFolder? { folders.first { (try? $0.acceptance())?.drop == drop } }
        func job(_ drop: String) throws -> JobFolder { try #require(find(drop)) }
        let (half, paused, cancelled) = (try job("half.yaml"), try job("paused.yaml"), try job("cancelled.yaml"))
        let before = try [cancelled.path, paused.path, layout.rejected].map(Self.contents)
        let kept = try Self.contents(half.path)
        let (code, words) = try Self.talad(layout)
        #expect(code == 0, "\(words)")
        // What has ended or waits for its owner is as it was, to the byte.
        #expect(try [cancelled.path, paused.path, layout.rejected].map(Self.contents) == before)
        let status = try #require(half.status())
        #expect(status.state == .succeeded && status.progress.step == 10, "\(words)")
        let events = try String(decoding: DurableFiles.read(half.eventsFile), as: UTF8.self)
        #expect(events.contains("Resumed from checkpoint") && WholeFolder.fault(in: half.result) == nil)
        #expect(
            try Data(DurableFiles.read(half.manifestFile)) == kept["manifest.json"]
                && DurableFiles.read(half.acceptanceFile) == Array(kept["job.json"] ?? Data()))
        // Each job has its ledger now, which says what its status says, and the spool is of the
        // present form.
        for folder in [half, paused, cancelled] {
            #expect(try folder.ledger() == .found(try #require(folder.status()).ledger), "\(folder.id)")
        }
        #expect(try DurableFiles.read(layout.formatFile) == Array("\(SpoolLayout.format)\n".utf8))
        if let full = find("full.yaml") {
            let ended = try #require(full.status())
            #expect(ended.state == .succeeded && ended.attempts == 2 && ended.usage.total.deviceSeconds > 0, "\(words)")
        }
        // The rows of the steps before the cut are the old ones.
        let rows = try String(decoding: DurableFiles.read(half.metricsFile), as: UTF8.self).split(separator: "\n")
        let old = String(decoding: kept["metrics.csv"] ?? Data(), as: UTF8.self).split(separator: "\n").prefix(5)
        #expect(rows.count == 11 && rows.prefix(5) == old)
    }

    /// Their events have no codes, and their plan stands in validation.json alone.
    @Test(arguments: versions) func aStatusOfAnEarlierProgramThatIsLostIsMadeAnew(version: String) throws {
        let layout = try Self.copy(version)
        defer { FolderListing.delete(layout.root) }
        for id in try FolderListing.names(in: layout.jobs) where JobIdentifier.isJob(id) {
            let folder = layout.job(id)
            let before = try #require(folder.status())
            try DurableFiles.replace(folder.statusFile, with: "{")
            let status = try #require(try folder.rebuiltStatus())
            // What a plan takes may differ between validation and training; what a job keeps for
            // life may not.
            let (plan, known) = (try #require(status.plan), try #require(before.plan))
            #expect(status.state == before.state && plan.microBatchTokens == known.microBatchTokens, "\(id)")
            #expect(plan.recomputedLayers == known.recomputedLayers && plan.baseWeights == known.baseWeights, "\(id)")
        }
    }

    @Test func aCheckpointOfAnotherVersionIsRefusedWithASentenceAndStays() throws {
        let layout = try Self.copy("0.1.0")
        defer { FolderListing.delete(layout.root) }
        let ids = try FolderListing.names(in: layout.jobs)
        let half = layout.job(try #require(ids.first { !layout.job($0).checkpointNames.isEmpty }))
        let checkpoint = half.checkpoints + "/" + (try #require(half.checkpointNames.last))
        var state = try String(decoding: DurableFiles.read(checkpoint + "/state.json"), as: UTF8.self)
        state = state.replacingOccurrences(of: "\"version\": 2", with: "\"version\": 1")
        // Whole as it is, only older: its list is made anew.
        let files = try Self.contents(checkpoint)
        FolderListing.delete(checkpoint)
        try WholeFolder.build(checkpoint) { temporary in
            for (name, data) in files where name != WholeFolder.listName {
                try DurableFiles.replace(temporary + "/" + name, with: name == "state.json" ? state : "")
                if name != "state.json" { try data.write(to: URL(fileURLWithPath: temporary + "/" + name)) }
            }
        }
        let before = try Self.contents(checkpoint)
        _ = try Self.talad(layout)
        let error = try #require(half.status()?.error)
        #expect(error.code == .unusableCheckpoint && error.message.contains("is of version 1, this program reads version 2"), "\(error)")
        #expect(try Self.contents(checkpoint) == before)
    }

    @Test func aSpoolOfALaterProgramIsRefusedAndNotTouched() throws {
        let layout = try Self.copy("0.1.0")
        defer { FolderListing.delete(layout.root) }
        try DurableFiles.replace(layout.formatFile, with: "\(SpoolLayout.format + 1)\n")
        let before = try Self.contents(layout.root)
        let (code, words) = try Self.talad(layout)
        #expect(code == 78 && words.contains("has the format \(SpoolLayout.format + 1)"), "\(words)")
        #expect(try Self.contents(layout.root) == before)
    }
}
