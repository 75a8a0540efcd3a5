import Foundation
import Storage
import Testing

@Suite struct StorageTests {
    static func folder() throws -> String {
        let path = NSTemporaryDirectory() + "tala-storage-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    @Test func aReplacedFileHasTheNewContentAndLeavesNothingBeside() throws {
        let folder = try Self.folder()
        defer { FolderListing.delete(folder) }
        try DurableFiles.replace(folder + "/a", with: "one")
        try DurableFiles.replace(folder + "/a", with: "two")
        #expect(try DurableFiles.read(folder + "/a") == Array("two".utf8))
        #expect(try FolderListing.names(in: folder) == ["a"])
    }

    @Test func aFolderAppearsWholeOrNotAtAll() throws {
        let folder = try Self.folder()
        defer { FolderListing.delete(folder) }
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try WholeFolder.build(folder + "/x") { temporary in
                try DurableFiles.replace(temporary + "/part", with: "half")
                throw Stop()
            }
        }
        #expect(try FolderListing.names(in: folder).isEmpty)
        try WholeFolder.build(folder + "/x") { try DurableFiles.replace($0 + "/part", with: "whole") }
        #expect(WholeFolder.fault(in: folder + "/x") == nil)
    }

    @Test func aFlippedBitOrACutFileIsFound() throws {
        let folder = try Self.folder()
        defer { FolderListing.delete(folder) }
        let text = String(repeating: "content ", count: 1000)
        for damage in 0..<4 {
            let path = folder + "/x\(damage)"
            try WholeFolder.build(path) { try DurableFiles.replace($0 + "/part", with: text) }
            var bytes = Array(text.utf8)
            switch damage {
            case 0: bytes[777] ^= 1
            case 1: bytes.removeLast()
            case 2: FolderListing.delete(path + "/part")
            default: FolderListing.delete(path + "/" + WholeFolder.listName)
            }
            if damage < 2 { try Data(bytes).write(to: URL(fileURLWithPath: path + "/part")) }
            #expect(WholeFolder.fault(in: path) != nil)
        }
    }

    @Test func aLogCutInTheMiddleOfALineGoesOnBehindTheLastWholeOne() throws {
        let folder = try Self.folder()
        defer { FolderListing.delete(folder) }
        try Data("first\nsecond\nthi".utf8).write(to: URL(fileURLWithPath: folder + "/log"))
        try AppendLog(path: folder + "/log").append("third")
        #expect(try String(decoding: DurableFiles.read(folder + "/log"), as: UTF8.self) == "first\nsecond\nthird\n")
    }

    @Test func aLockIsHeldOnceAndGivenBack() throws {
        let folder = try Self.folder()
        defer { FolderListing.delete(folder) }
        var first = try FileLock(path: folder + "/lock")
        #expect(first != nil)
        #expect(try FileLock(path: folder + "/lock") == nil)
        first = nil
        #expect(try FileLock(path: folder + "/lock") != nil)
    }

    @Test func aLockThatSomebodyStillHasIsWaitedForWithPatience() throws {
        let folder = try Self.folder()
        defer { FolderListing.delete(folder) }
        let path = folder + "/lock"
        let holder = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        defer { close(holder) }
        #expect(flock(holder, LOCK_EX) == 0)
        #expect(try FileLock(path: path, patience: 0.1) == nil)
        Thread.detachNewThread {
            usleep(200_000)
            flock(holder, LOCK_UN)
        }
        #expect(try FileLock(path: path, patience: 30) != nil)
    }

    /// A child that has not yet become another program has its parent's descriptors, as a duplicate
    /// of one has.
    @Test func aLockThatIsGivenBackIsFreeThoughItsDescriptorLivesOn() throws {
        let folder = try Self.folder()
        defer { FolderListing.delete(folder) }
        let path = folder + "/lock"
        var lock = try FileLock(path: path)
        let numbers = try FolderListing.names(in: "/proc/self/fd").compactMap { Int32($0) }
        let descriptor = try #require(
            numbers.first { (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path })
        let copy = dup(descriptor)
        defer { close(copy) }
        #expect(lock != nil && copy >= 0)
        lock = nil
        #expect(try FileLock(path: path) != nil)
    }

    @Test func theDigestIsTheStandardsOne() throws {
        #expect(SHA256.hexadecimal(of: Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
