import Foundation
import Spool
import Storage
import TestSupport
import Testing

/// `tala generate` knows folders and prompts; who asks a model has written no manifest.
@Suite struct GenerateFailureTests {
    private static let demo = ManualTests.root.appendingPathComponent("demo/model").path

    /// A copy of the demonstration's model without some files.
    private static func model(without removed: [String]) throws -> String {
        let folder = NSTemporaryDirectory() + "tala-generate-\(UUID().uuidString)"
        try FileManager.default.copyItem(atPath: demo, toPath: folder)
        for name in removed { try FileManager.default.removeItem(atPath: folder + "/" + name) }
        return folder
    }

    private static func expectFolderWords(_ outcome: BuiltProgram.Outcome, _ words: [String]) {
        #expect(outcome.status != 0 && outcome.output.isEmpty, "\(outcome)")
        for word in words { #expect(outcome.errors.contains(word), "\(outcome)") }
        for word in ["manifest", "method.type", "job", "training"] { #expect(!outcome.errors.contains(word), "\(outcome)") }
    }

    @Test(arguments: ["config.json", "tokenizer.json", "model.safetensors"])
    func aFolderWithoutAFileIsNamedWithTheFile(_ file: String) throws {
        let folder = try Self.model(without: [file])
        defer { FolderListing.delete(folder) }
        let outcome = try BuiltProgram(name: "tala").run(["generate", "--model", folder, "--prompt", "hi", "--max-tokens", "1"])
        Self.expectFolderWords(outcome, [folder, file])
    }

    @Test func aFolderThatIsNotThereIsSaidToBeMissing() throws {
        let tala = BuiltProgram(name: "tala")
        Self.expectFolderWords(
            try tala.run(["generate", "--model", "/no/such/model", "--prompt", "hi"]), ["there is no folder /no/such/model"])
        Self.expectFolderWords(
            try tala.run(["generate", "--model", Self.demo, "--adapter", "/no/such/adapter", "--prompt", "hi"]),
            ["there is no folder /no/such/adapter"])
        Self.expectFolderWords(
            try tala.run(["generate", "--model", Self.demo + "/config.json", "--prompt", "hi"]), ["config.json is not a folder"])
    }

    @Test func aModelIsNamedAsAManifestNamesIt() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        try FileManager.default.copyItem(atPath: Self.demo, toPath: spool.layout.models + "/owl")
        let job = try spool.add(1, "succeeded", step: 1, of: 1)
        try DurableFiles.makeFolder(spool.layout.job(job).result)
        try FileManager.default.copyItem(atPath: Self.demo, toPath: spool.layout.job(job).result + "/merged")
        let other = try spool.add(2, "running", step: 1, of: 2)
        let question = ["--chat", "--prompt", "What does the frog eat?", "--max-tokens", "12"]
        let expected = try spool.tala(["generate", "--model", Self.demo] + question)
        #expect(expected.status == 0 && !expected.output.isEmpty, "\(expected)")
        for name in ["owl", job] { #expect(try spool.tala(["generate", "--model", name] + question).output == expected.output, "\(name)") }
        let missing = try spool.tala(["generate", "--model", "owls"] + question)
        #expect(missing.status == 2 && missing.errors.contains("there are owl"), "\(missing)")
        let unfinished = try spool.tala(["generate", "--model", other] + question)
        #expect(unfinished.status == 2 && unfinished.errors.contains("has no finished model"), "\(unfinished)")
    }

    @Test func anAdapterThatCannotBeUsedIsBlamedOnItsOwnFile() throws {
        let adapter = NSTemporaryDirectory() + "tala-adapter-\(UUID().uuidString)"
        defer { FolderListing.delete(adapter) }
        try DurableFiles.makeFolder(adapter)
        try DurableFiles.replace(
            adapter + "/adapter_config.json", with: #"{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["no_such_layer"]}"#)
        let arguments = ["generate", "--model", Self.demo, "--adapter", adapter, "--prompt", "hi"]
        Self.expectFolderWords(try BuiltProgram(name: "tala").run(arguments), [adapter + "/adapter_model.safetensors"])
        // A header without tensors.
        try DurableFiles.replace(adapter + "/adapter_model.safetensors", with: "\u{2}\0\0\0\0\0\0\0{}")
        Self.expectFolderWords(try BuiltProgram(name: "tala").run(arguments), [adapter + "/adapter_model.safetensors"])
    }
}
