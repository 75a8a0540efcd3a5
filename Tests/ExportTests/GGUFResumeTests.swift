import Foundation
import GGUF
import Storage
import Tensors
import TestSupport
import Testing

@testable import Export
@testable import GGUFModels

/// A large model takes minutes to write: what is there after a crash is not written again.
@Suite struct GGUFResumeTests {
    private struct Broken: Error {}

    private static let source = ReferenceSet.own.path("models/llama-tiny")

    private static func inFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "tala-gguf-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        defer { FolderListing.delete(folder) }
        try body(folder)
    }

    private static func write(_ mix: GGUFMix, to path: String, breakingAfter limit: Int = .max) throws -> Int {
        let checkpoint = try Checkpoint(folder: source)
        let plan = try GGUFPlan(GGUFTexts(JoinedFolder(source, tokenizer: ReferenceSet.own.chatModel)), checkpoint, mix: mix, name: "Name")
        var tensors = 0
        try GGUFExport.writeModel(plan, StoredRows(checkpoint), to: path, syncInterval: 1) { _, _ in
            tensors += 1
            if tensors == limit { throw Broken() }
        }
        return tensors
    }

    @Test func aFileThatWasBrokenOffIsGoneOnWithAndHasTheSameBytes() throws {
        try Self.inFolder { folder in
            let whole = try Self.write(.f16, to: folder + "/whole.gguf")
            let path = folder + "/broken.gguf"
            #expect(throws: Broken.self) { try Self.write(.f16, to: path, breakingAfter: 7) }
            // Until it is whole, nothing has the name.
            #expect(!FolderListing.exists(path))
            #expect(try Self.write(.f16, to: path) == whole - 7)
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(contentsOf: URL(fileURLWithPath: folder + "/whole.gguf")))
            #expect(try FolderListing.names(in: folder).sorted() == ["broken.gguf", "whole.gguf"])
        }
    }

    @Test func whatWasWrittenOfAnotherModelIsNotGoneOnWith() throws {
        try Self.inFolder { folder in
            let path = folder + "/model.gguf"
            #expect(throws: Broken.self) { try Self.write(.f16, to: path, breakingAfter: 7) }
            let whole = try Self.write(.q8_0, to: folder + "/whole.gguf")
            #expect(try Self.write(.q8_0, to: path) == whole)
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(contentsOf: URL(fileURLWithPath: folder + "/whole.gguf")))
        }
    }

    /// What was not synced may be gone after a power cut, though the file's size says otherwise.
    @Test func whatTheNoteDoesNotNameIsWrittenAgain() throws {
        try Self.inFolder { folder in
            let whole = try Self.write(.f16, to: folder + "/whole.gguf")
            let path = folder + "/model.gguf"
            #expect(throws: Broken.self) { try Self.write(.f16, to: path, breakingAfter: 7) }
            let partial = folder + "/.export-model.gguf/data"
            let handle = try #require(FileHandle(forWritingAtPath: partial))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(repeating: 0xFF, count: 100_000))
            try handle.close()
            #expect(try Self.write(.f16, to: path) == whole - 7)
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(contentsOf: URL(fileURLWithPath: folder + "/whole.gguf")))
        }
    }
}
