import Export
import Foundation
import GGUF
import JSON
import Storage
import Tensors
import TestSupport
import Testing
import Tokenization

@testable import GGUFModels
@testable import Models

/// Files that this program wrote, read again: in every clone.
@Suite struct GGUFRoundTripTests {
    /// A model's texts, of which the tokenizer's lie in another folder.
    private struct Texts: ModelFolder {
        let path: String
        var companions: [String] { [] }
        init(path: String) { self.path = path }
        func weights() throws(SafetensorsError) -> Checkpoint? { nil }
        func text(_ name: String, limit: Int) throws -> [UInt8]? {
            let folder = name.hasPrefix("tokenizer") ? ReferenceSet.own.chatModel : path
            let file = folder + "/" + name
            return FolderListing.leads(file) ? try DurableFiles.read(file, limit: limit) : nil
        }
    }

    private static func scratch() -> String { NSTemporaryDirectory() + "tala-gguf-\(UUID().uuidString)" }

    private static func write(_ source: String, _ mix: GGUFMix, to path: String) throws {
        let checkpoint = try Checkpoint(folder: source)
        let plan = try GGUFPlan(GGUFTexts(Texts(path: source)), checkpoint, mix: mix, name: "Name")
        try GGUFExport.writeModel(plan, StoredRows(checkpoint), to: path)
    }

    private static let families = [
        "llama-tiny", "mistral-tiny", "qwen2-tiny", "qwen3-tiny", "phi3-tiny", "phi3-longrope-tiny", "phi3-window-tiny", "gemma2-tiny",
        "gemma3-tiny", "olmo2-tiny", "granite-tiny", "smollm3-tiny", "glm4-tiny", "starcoder2-tiny", "phi-tiny", "gpt-neox-tiny",
    ]

    @Test(arguments: families.filter { ReferenceSet.own.has("models/" + $0) })
    func aModelComesBackAsItWas(name: String) throws {
        let source = ReferenceSet.own.path("models/" + name)
        let path = Self.scratch() + ".gguf"
        defer { FolderListing.delete(path) }
        do { try Self.write(source, .f32, to: path) } catch let error as GGUFError {
            // A reference may have a setting that a file cannot say.
            #expect("\(error)".hasPrefix("config.json: "))
            return
        }
        let (opened, original) = (try OpenedModel(path: path), try OpenedModel(path: source))
        var (found, wanted) = (opened.configuration, original.configuration)
        if ["mistral-tiny", "starcoder2-tiny"].contains(name) { wanted.slideEverywhere(nil) }
        if name == "mistral-tiny" {
            wanted.modelType = "llama"
            wanted.family = found.family
        }
        (found.storedType, wanted.storedType) = (.float32, .float32)
        (found.initializerRange, wanted.initializerRange) = (0, 0)
        for (index, table) in wanted.rotaryTables.enumerated() where index < found.rotaryTables.count {
            let pairs = zip(found.rotaryTables[index].settings.table(positions: 64), table.settings.table(positions: 64))
            #expect(pairs.allSatisfy { abs($0 - $1) <= 1e-5 }, "\(name)")
            found.rotaryTables[index] = table
        }
        #expect(found == wanted)
        let (weights, reference) = (try #require(opened.weights), try #require(original.weights))
        // Norms of Gemma are stored with one added, which costs a bit.
        for (key, tensor) in weights.tensors {
            let exact = try #require(reference.tensors[key], "\(key)").floats()
            let numbers = tensor.floats()
            #expect(
                numbers.count == exact.count && zip(numbers, exact).allSatisfy { abs($0 - $1) <= (tensor.offset == 0 ? 0 : 2e-7) }, "\(key)"
            )
        }
        #expect(weights.tensors.count >= reference.tensors.count - 1)
        let encoder = try ChatEncoder(TokenizerTexts(opened.folder))
        let own = try ChatEncoder(folder: ReferenceSet.own.chatModel)
        for text in ["Once upon a time", " two  spaces\n", "na\u{EF}ve 12 \u{1F98A}", "<s>x</s>"] {
            let ids = own.tokenizer.encode(text).filter { Int($0) < wanted.vocabularySize }
            if ids.count == own.tokenizer.encode(text).count { #expect(encoder.tokenizer.encode(text) == ids, "\(name): \(text)") }
        }
    }

    /// What a file cannot cut: the parts of one, one of which is missing, and several in a folder.
    @Test func aFolderHoldsOneModel() throws {
        let folder = Self.scratch()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { FolderListing.delete(folder) }
        try Self.write(ReferenceSet.own.path("models/llama-tiny"), .f16, to: folder + "/a.gguf")
        #expect(ModelFolders.form(of: folder) == .gguf && ModelFolders.isModel(folder) && ModelFolders.isModel(folder + "/a.gguf"))
        let whole = try #require(try OpenedModel(path: folder).weights)
        #expect(whole.files == [folder + "/a.gguf"])
        #expect(whole.title(of: "model.layers.1.mlp.up_proj.weight") == "blk.1.ffn_up.weight")
        try FileManager.default.copyItem(atPath: folder + "/a.gguf", toPath: folder + "/b.gguf")
        #expect { try OpenedModel(path: folder) } throws: { "\($0)".contains("holds several models: a.gguf, b.gguf") }
    }

    @Test func namesOfPartsAreTakenApart() {
        #expect(
            GGUFNames.part("big-Q4_K_M-00002-of-00003.gguf").map { [$0.base, "\($0.number)", "\($0.count)"] } == ["big-Q4_K_M", "2", "3"])
        #expect(GGUFNames.name("big", 2, of: 3) == "big-00002-of-00003.gguf")
        for name in [
            "big.gguf", "big-00004-of-00003.gguf", "big-2-of-3.gguf", "00001-of-00001.gguf", "big-00000-of-00001.gguf", "x-00001-of-00002",
        ] {
            #expect(GGUFNames.part(name) == nil, "\(name)")
        }
    }

    /// A model in parts: the head of the first says all, the tensors are everywhere.
    @Test func partsAreOneModel() throws {
        let folder = Self.scratch()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { FolderListing.delete(folder) }
        try Self.write(ReferenceSet.own.path("models/llama-tiny"), .f16, to: folder + "/whole.gguf")
        let whole = try GGUFFile(path: folder + "/whole.gguf")
        let bytes = try #require(whole.file).bytes
        func part(_ number: Int, _ tensors: [GGUFFile.Tensor], keys: [(String, GGUFBytes.Value)]) throws {
            var file = GGUFBytes()
            func short(_ number: Int) -> GGUFBytes.Value { .raw(kind: 2, GGUFBytes.little(UInt16(number))) }
            file.keys =
                keys + [
                    ("split.no", short(number - 1)), ("split.count", short(2)), ("split.tensors.count", .int32(Int32(whole.tensors.count))),
                ]
            file.tensors = tensors.map {
                GGUFBytes.Tensor(
                    name: $0.name, sizes: $0.shape.reversed().map { UInt64($0) }, type: $0.type.number, bytes: Array(bytes[$0.place]))
            }
            try Data(file.bytes).write(to: URL(fileURLWithPath: folder + "/" + GGUFNames.name("m", number, of: 2)))
        }
        let metadata = whole.metadata
        let keys = try metadata.keys.map { key -> (String, GGUFBytes.Value) in
            if let text = try? metadata.text(key) { return (key, .string(text)) }
            if let flag = try? metadata.flag(key) { return (key, .bool(flag ? 1 : 0)) }
            if let texts = try? metadata.texts(key) { return (key, .strings(texts)) }
            if let numbers = try? metadata.floats(key) { return (key, .floats(numbers)) }
            if let numbers = try? metadata.integers(key) { return (key, .int32s(numbers)) }
            if let number = try? metadata.integer(key, in: 0...Int.max) { return (key, .uint32(UInt32(number))) }
            return (key, .float32(Float(try #require(try metadata.number(key)))))
        }
        try part(1, Array(whole.tensors.prefix(5)), keys: keys)
        FolderListing.delete(folder + "/whole.gguf")
        #expect { try OpenedModel(path: folder) } throws: { "\($0)".contains("m-00002-of-00002.gguf is not there") }
        try part(2, Array(whole.tensors.dropFirst(5)), keys: [])
        let opened = try OpenedModel(path: folder)
        let reference = try Checkpoint(folder: ReferenceSet.own.path("models/llama-tiny"))
        #expect(opened.weights?.files.count == 2 && opened.weights?.tensors.count == reference.tensors.count)
        #expect(GGUFNames.files(of: folder + "/m-00001-of-00002.gguf").count == 2)
    }
}
