import Foundation
import JSON
import Storage
import TestSupport
import Testing

/// `tala export` from the outside.
@Suite struct ExportCommandTests {
    private static let model = ReferenceSet.checkout + "/demo/model"

    private static func inFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "tala-export-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        defer { FolderListing.delete(folder) }
        try body(folder)
    }

    @Test func aFolderBecomesOneFileWithAModelfile() throws {
        try Self.inFolder { folder in
            let arguments = ["export", Self.model, folder + "/demo.gguf", "--type", "q4_k_m", "--json"]
            let outcome = try BuiltProgram(name: "tala").run(arguments)
            #expect(outcome.status == 0, "\(outcome)")
            let answer = try JSONParser().parse(Array(outcome.output.utf8))
            #expect(answer["type"]?.string == "q4_k_m" && answer["format"]?.string == "gguf")
            #expect(try FolderListing.names(in: folder).sorted() == ["demo.gguf", "demo.gguf.Modelfile"])
            #expect(try DurableFiles.read(folder + "/demo.gguf").starts(with: Array("GGUF".utf8)))
            #expect(try String(contentsOfFile: folder + "/demo.gguf.Modelfile", encoding: .utf8).hasPrefix("FROM ./demo.gguf\n"))
            // What is there is kept, unless somebody says otherwise.
            #expect(try BuiltProgram(name: "tala").run(arguments).status == 1)
            #expect(try BuiltProgram(name: "tala").run(arguments + ["--force"]).status == 0)
        }
    }

    @Test func whatCannotBeWrittenLeavesNothing() throws {
        try Self.inFolder { folder in
            for (arguments, word) in [
                (["--type", "q3_k_s"], "q3_k_s"), (["--format", "gguf-adapter"], "adapter"),
                (["--format", "merged", "--type", "f16"], "gguf alone"),
            ] {
                let outcome = try BuiltProgram(name: "tala").run(["export", Self.model, folder + "/x", "--json"] + arguments)
                #expect(outcome.status != 0 && outcome.output.contains(word), "\(arguments): \(outcome)")
            }
            #expect(try FolderListing.names(in: folder).isEmpty)
        }
    }

    /// An adapter's folder with its base, in each form.
    @Test(arguments: ["gguf", "gguf-adapter", "merged"])
    func anAdapterIsWrittenWithItsBase(format: String) throws {
        try Self.inFolder { folder in
            let (base, adapter) = (ReferenceSet.own.chatModel, ReferenceSet.own.path("adapters/chat-model-lora"))
            let alone = try BuiltProgram(name: "tala").run(["export", adapter, folder + "/x", "--format", format, "--json"])
            #expect(alone.status == 2 && alone.output.contains("--base"), "\(alone)")
            let outcome = try BuiltProgram(name: "tala").run(
                ["export", adapter, "--base", base, folder + "/x", "--format", format, "--name", "Bot", "--json"])
            #expect(outcome.status == 0, "\(outcome)")
            if format == "merged" {
                #expect(FolderListing.leads(folder + "/x/model.safetensors") && FolderListing.leads(folder + "/x/tokenizer.json"))
            } else {
                #expect(try DurableFiles.read(folder + "/x").starts(with: Array("GGUF".utf8)))
            }
        }
    }
}
