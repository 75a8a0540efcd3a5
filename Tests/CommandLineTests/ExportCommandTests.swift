import Foundation
import JSON
import Spool
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

    @Test func aFileIsAModelAsAFolderIs() throws {
        try Self.inFolder { folder in
            let tala = BuiltProgram(name: "tala")
            let file = folder + "/demo.gguf"
            #expect(try tala.run(["export", Self.model, file, "--type", "f32"]).status == 0)
            let arguments = ["--prompt", "Once upon a time", "--max-tokens", "12", "--temperature", "0", "--json"]
            let answers = try [Self.model, file, folder].map { model in
                let outcome = try tala.run(["generate", "--model", model] + arguments)
                #expect(outcome.status == 0, "\(outcome)")
                return try JSONParser().parse(Array(outcome.output.utf8))["ids"]
            }
            #expect(answers[0] == answers[1] && answers[0] == answers[2] && answers[0]?.array?.isEmpty == false)
            let spool = try CommandSpool()
            defer { spool.remove() }
            try FileManager.default.copyItem(atPath: file, toPath: spool.layout.models + "/demo.gguf")
            let list = try tala.run(["models", "list", "--json", "--spool", spool.layout.root])
            let model = try JSONParser().parse(Array(list.output.utf8))["data"]?.array?.first
            #expect(model?["name"]?.string == "demo.gguf" && model?["trainable"]?.bool == true, "\(list)")
            #expect(model?["architecture"]?.string == "llama" && model?["type"]?.string == "float32")
            let shown = try tala.run(["models", "show", "demo.gguf", "--spool", spool.layout.root])
            #expect(shown.status == 0 && shown.output.contains("chat template  yes"), "\(shown)")
            // A file that is damaged is named, with what is wrong in it.
            try FileManager.default.createDirectory(atPath: folder + "/bad", withIntermediateDirectories: true)
            try Data(DurableFiles.read(file).prefix(5000)).write(to: URL(fileURLWithPath: folder + "/bad/x.gguf"))
            let bad = try tala.run(["generate", "--model", folder + "/bad"] + arguments)
            #expect(bad.status != 0 && bad.output.contains("bad/x.gguf: ") && bad.output.contains("download or copy it again"), "\(bad)")
        }
    }

    /// Texts are run through the model, or a file says what was found.
    @Test func blocksAreChosenByAnImportanceMatrix() throws {
        try Self.inFolder { folder in
            let tala = BuiltProgram(name: "tala")
            let data = ReferenceSet.checkout + "/demo/tune.jsonl"
            func write(_ name: String, _ more: [String]) throws -> [UInt8] {
                let outcome = try tala.run(["export", Self.model, folder + "/" + name, "--type", "q4_0", "--json"] + more)
                #expect(outcome.status == 0, "\(outcome)")
                return try DurableFiles.read(folder + "/" + name)
            }
            let plain = try write("plain.gguf", [])
            let own = try write("own.gguf", ["--imatrix", data, "--imatrix-texts", "20", "--save-imatrix", folder + "/imatrix.gguf"])
            #expect(own.suffix(1 << 18) != plain.suffix(1 << 18))
            #expect(try write("again.gguf", ["--imatrix", folder + "/imatrix.gguf"]) == own)
            #expect(try write("other.gguf", ["--imatrix", ReferenceSet.checkout + "/demo/text.txt", "--imatrix-texts", "5"]) != own)
            for (arguments, words) in [
                (["--type", "f16", "--imatrix", data], "--imatrix is of a --type that is rounded by it: q4_0"),
                (["--type", "q4_0", "--imatrix", "training"], "--imatrix training is of a job's result or checkpoint"),
                (["--type", "q4_0", "--imatrix", folder + "/own.gguf"], "general.type: is not imatrix"),
                (["--type", "q4_0", "--imatrix", folder + "/none.jsonl"], "there is no file"),
                (["--format", "merged", "--imatrix", data], "--imatrix is of gguf alone"),
                (["--save-imatrix", folder + "/x"], "--save-imatrix is of an --imatrix"),
            ] {
                let outcome = try tala.run(["export", Self.model, folder + "/bad.gguf", "--json"] + arguments)
                #expect(outcome.status != 0 && outcome.output.contains(words), "\(arguments): \(outcome)")
            }
            #expect(!FolderListing.exists(folder + "/bad.gguf"))
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
