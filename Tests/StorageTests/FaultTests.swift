import Foundation
import Storage
import StorageTrials
import Testing

/// What the files of `Storage` promise when an operation fails or the process ends in the middle.
@Suite struct FaultTests {
    /// Runs `body` with the fault at 1, 2, 3 … until it does not happen any more.
    /// - Returns: how many times it happened.
    static func countUp(
        _ effect: Fault.Effect, kinds: Set<FileOperation.Kind> = Fault.changes, limit: Int = 2000, _ body: (Int) throws -> Void,
        check: (Int, FaultyFileSystem) throws -> Void
    ) throws -> Int {
        for number in 1...limit {
            let faulty = FaultyFileSystem(Fault(effect, at: number, kinds: kinds))
            try? CurrentFileSystem.$override.withValue(faulty) { try body(number) }
            try check(number, faulty)
            if !faulty.hasStruck { return number - 1 }
        }
        Issue.record("still failing at \(limit)")
        return limit
    }

    @Test(arguments: [Fault.Effect.freeze, .error(ENOSPC), .error(EIO), .error(EDQUOT), .shortWrite])
    func aReplacedFileIsTheOldOrTheNewOneWhereverItFails(effect: Fault.Effect) throws {
        let folder = try StorageTests.folder()
        defer { FolderListing.delete(folder) }
        let (old, new) = (String(repeating: "old ", count: 500), String(repeating: "new ", count: 700))
        try DurableFiles.replace(folder + "/a", with: old)
        let struck = try Self.countUp(effect) { _ in
            try DurableFiles.replace(folder + "/a", with: new)
        } check: { _, faulty in
            let text = try String(decoding: DurableFiles.read(folder + "/a"), as: UTF8.self)
            #expect(text == old || text == new, "at \(faulty.struck)")
            if effect == .shortWrite { #expect(text == new) }
            if effect != .freeze, faulty.struck.first?.hasPrefix("remove") != true {
                let names = try FolderListing.names(in: folder)
                #expect(names == ["a"], "at \(faulty.struck)")
            }
            for name in try FolderListing.names(in: folder) { FolderListing.delete(folder + "/" + name) }
            try DurableFiles.replace(folder + "/a", with: old)
        }
        // Create, write, sync, close, rename, sync of the folder.
        #expect(struck >= 6)
    }

    @Test(arguments: [Fault.Effect.freeze, .error(ENOSPC), .error(EIO)])
    func aFolderIsAbsentOrWholeWhereverItsBuildingFails(effect: Fault.Effect) throws {
        let folder = try StorageTests.folder()
        defer { FolderListing.delete(folder) }
        let struck = try Self.countUp(effect) { _ in
            try WholeFolder.build(folder + "/step") { temporary in
                try DurableFiles.makeFolder(temporary + "/inner", isNew: true)
                try DurableFiles.replace(temporary + "/a", with: "content of a")
                try DurableFiles.replace(temporary + "/inner/b", with: "content of b")
            }
        } check: { _, faulty in
            if FolderListing.exists(folder + "/step") { #expect(WholeFolder.fault(in: folder + "/step") == nil, "at \(faulty.struck)") }
            if !faulty.hasStruck { #expect(FolderListing.exists(folder + "/step")) }
            for name in try FolderListing.names(in: folder) { FolderListing.delete(folder + "/" + name) }
        }
        #expect(struck > 15)
    }

    @Test func aFailedSyncIsNeverTriedAgain() throws {
        let folder = try StorageTests.folder()
        defer { FolderListing.delete(folder) }
        let faulty = FaultyFileSystem(Fault(.error(EIO), at: 1, kinds: [.sync]))
        CurrentFileSystem.$override.withValue(faulty) {
            #expect(throws: StorageError.self) { try DurableFiles.replace(folder + "/a", with: "text") }
        }
        #expect(faulty.count == 1)
        #expect(try FolderListing.names(in: folder).isEmpty)
    }

    @Test(arguments: [Fault.Effect.freeze, .error(ENOSPC)])
    func aLogHoldsWholeLinesOnlyWhereverAppendingFails(effect: Fault.Effect) throws {
        let folder = try StorageTests.folder()
        defer { FolderListing.delete(folder) }
        for number in 1...20 {
            FolderListing.delete(folder + "/log")
            let faulty = FaultyFileSystem(Fault(effect, at: number))
            var written = 0
            CurrentFileSystem.$override.withValue(faulty) {
                guard let log = try? AppendLog(path: folder + "/log") else { return }
                for line in 1...5 where (try? log.append { "line \($0) of try \(line)" }) != nil { written += 1 }
            }
            let log = try AppendLog(path: folder + "/log")
            try log.append { "line \($0)" }
            let lines = try String(decoding: DurableFiles.read(folder + "/log"), as: UTF8.self).split(separator: "\n")
            #expect(lines.count == written + 1)
            for (index, line) in lines.enumerated() { #expect(line.hasPrefix("line \(index + 1)")) }
            if !faulty.hasStruck { return }
        }
        Issue.record("the fault struck every time")
    }

    @Test func twoWritersOfOneLogNumberTheirLinesTogether() throws {
        let folder = try StorageTests.folder()
        defer { FolderListing.delete(folder) }
        let (first, second) = (try AppendLog(path: folder + "/log"), try AppendLog(path: folder + "/log"))
        for _ in 0..<3 {
            try first.append { "\($0)" }
            try second.append { "\($0)" }
        }
        #expect(try String(decoding: DurableFiles.read(folder + "/log"), as: UTF8.self) == "1\n2\n3\n4\n5\n6\n")
    }

    @Test func aFaultIsReadFromItsText() {
        #expect(Fault("exit@17") == Fault(.exit, at: 17))
        #expect(
            Fault("ENOSPC@5x40:write,create:path=checkpoints")
                == Fault(.error(ENOSPC), at: 5, repeats: 40, kinds: [.write, .create], pathPart: "checkpoints"))
        for text in ["", "exit", "exit@0", "exit@x", "ENOWAY@1", "exit@1:wrote", "exit@1x"] { #expect(Fault(text) == nil) }
    }
}
