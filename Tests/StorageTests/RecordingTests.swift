import Foundation
import Basics
import Storage
import StorageTrials
import Testing

/// Every state that a power cut may leave of a short piece of writing.
@Suite struct RecordingTests {
    /// Restores all states that the log allows, in full where there are few, and calls `check` for
    /// each.
    static func forEachState(of log: CrashLog, samples: Int = 40, seed: UInt64 = 1, _ check: (String) throws -> Void) throws -> Int {
        var random = SplitMix64(seed: seed)
        var count = 0
        for length in 0...log.entries.count {
            let choices = log.choices(length: length)
            for state in choices.selections(atMost: samples, using: &random) {
                try log.state(choices, changes: state.changes, kept: state.kept).restore()
                try check("after \(length) of \(log.entries.count) entries, \(state.changes) changes, kept \(state.kept)")
                count += 1
            }
        }
        return count
    }

    @Test func aReplacedFileIsTheOldOrTheNewOneAfterAPowerCut() throws {
        let folder = try StorageTests.folder()
        defer { FolderListing.delete(folder) }
        try DurableFiles.replace(folder + "/a", with: "old")
        let recording = try RecordingFileSystem(root: folder)
        try CurrentFileSystem.$override.withValue(recording) {
            try DurableFiles.replace(folder + "/a", with: "new")
            try DurableFiles.replace(folder + "/b", with: "other")
        }
        let count = try Self.forEachState(of: recording.log) { place in
            let text = try String(decoding: DurableFiles.read(folder + "/a"), as: UTF8.self)
            #expect(text == "old" || text == "new", "\(place)")
            if FolderListing.exists(folder + "/b") {
                #expect(text == "new")
                #expect(try DurableFiles.read(folder + "/b") == Array("other".utf8), "\(place)")
            }
        }
        #expect(count > 20)
    }

    @Test func aFolderIsAbsentOrWholeAfterAPowerCut() throws {
        let folder = try StorageTests.folder()
        defer { FolderListing.delete(folder) }
        let recording = try RecordingFileSystem(root: folder)
        try CurrentFileSystem.$override.withValue(recording) {
            try WholeFolder.build(folder + "/x") { temporary in
                try DurableFiles.makeFolder(temporary + "/inner", isNew: true)
                try DurableFiles.replace(temporary + "/inner/a", with: "content")
            }
            try WholeFolder.build(folder + "/y") { try DurableFiles.replace($0 + "/a", with: "content") }
            try WholeFolder.remove(folder + "/x")
        }
        var (whole, absent) = (0, 0)
        _ = try Self.forEachState(of: recording.log) { place in
            for name in ["x", "y"] {
                if FolderListing.exists(folder + "/" + name) {
                    #expect(WholeFolder.fault(in: folder + "/" + name) == nil, "\(place)")
                    whole += 1
                } else {
                    absent += 1
                }
            }
            // Never both gone after the second was there.
            if !FolderListing.exists(folder + "/x"), FolderListing.exists(folder + "/y") { #expect(whole > 0) }
        }
        #expect(whole > 10 && absent > 10)
    }

    /// What the rules are for: without a sync the model does lose things, so the tests above can
    /// fail.
    @Test func aRenameWithoutASyncMayLeaveAnEmptyFile() throws {
        let folder = try StorageTests.folder()
        defer { FolderListing.delete(folder) }
        let recording = try RecordingFileSystem(root: folder)
        try CurrentFileSystem.$override.withValue(recording) {
            let file = try NewFile(folder + "/.a.tmp")
            try file.append(Array("text".utf8))
            try DurableFiles.rename(folder + "/.a.tmp", to: folder + "/a")
        }
        var found: Set<[UInt8]> = []
        _ = try Self.forEachState(of: recording.log) { _ in
            if FolderListing.exists(folder + "/a") { found.insert(try DurableFiles.read(folder + "/a")) }
        }
        #expect(found == [[], Array("text".utf8)])
    }
}
