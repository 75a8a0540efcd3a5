import Foundation
import Graph
import JSON
import Manifest
import Storage
import Tensors
import Testing

@testable import Models

/// Models whose vocabulary is larger than their files say.
@Suite struct GrownFolderTests {
    /// A tokenizer of words with so many tokens, the last of which is added.
    static func tokenizer(_ count: Int) -> String {
        let words = (0..<count - 1).map { JSONMember("w\($0)", JSONNode($0)) }
        let node: JSONNode = [
            "model": ["type": "WordLevel", "vocab": JSONNode(words), "unk_token": "w0"], "pre_tokenizer": ["type": "WhitespaceSplit"],
            "added_tokens": [["id": JSONNode(count - 1), "content": "<end>", "special": true]],
        ]
        return JSONWriter().string(node)
    }

    private static func model(_ changes: [JSONMember] = [], tokens: Int) throws -> TinyModel {
        let model = try TinyModel(changes)
        try model.write(tokenizer(tokens), to: "tokenizer.json")
        return model
    }

    private static func mean(_ numbers: [Float], rows: Int, columns: Int) -> [Float] {
        (0..<columns).map { column in Float((0..<rows).reduce(0.0) { $0 + Double(numbers[$1 * columns + column]) } / Double(rows)) }
    }

    @Test(arguments: [true, false]) func embeddingAndHeadGrowByTheMeanOfTheirRows(isTied: Bool) throws {
        let model = try Self.model([JSONMember("tie_word_embeddings", JSONNode(isTied))], tokens: 20)
        defer { model.remove() }
        let base = try #require(try OpenedModel(path: model.path).weights)
        let opened = try OpenedModel(path: model.path, adding: [.init("<a>"), .init("<b>", isSpecial: true)])
        #expect(opened.configuration.vocabularySize == 22)
        let folder = try #require(opened.folder as? GrownFolder)
        #expect(folder.tokens.map(\.id) == [20, 21] && folder.rows == 20..<22)
        #expect(folder.note?.contains("embedding and head grow from 20 rows to 22") == true)
        let weights = try #require(opened.weights)
        for name in ["model.embed_tokens.weight"] + (isTied ? [] : ["lm_head.weight"]) {
            let old = try #require(base.tensors[name]).floats()
            let grown = try #require(weights.tensors[name])
            let numbers = grown.floats()
            #expect(grown.shape == [22, 16] && !grown.isPlain)
            let mean = Self.mean(old, rows: 20, columns: 16)
            #expect(numbers == old + mean + mean, "\(name)")
            // Any part of it is the same part.
            for range in [0..<1, 5..<300, 318..<325, 320..<352, 336..<337, 351..<352] {
                let part = [Float](unsafeUninitializedCapacity: range.count) { buffer, count in
                    if let target = buffer.baseAddress { grown.read(range, into: target) }
                    count = range.count
                }
                #expect(part == Array(numbers[range]), "\(range)")
            }
        }
        // It trains as a model whose files are so large.
        let language = try LanguageModel(opened.configuration, source: .checkpoint(weights), training: .full, maximumLength: 8)
        #expect(language.trainables.parameters.first { $0.key == "model.embed_tokens.weight" }?.rows == 22)
    }

    /// As transformers does: a model whose embedding is padded needs no more rows.
    @Test func rowsThatTheTokenizerDoesNotUseAreUsedFirst() throws {
        let model = try Self.model(tokens: 17)
        defer { model.remove() }
        let old = try #require(try OpenedModel(path: model.path).weights?.tensors["model.embed_tokens.weight"]).floats()
        let mean = Self.mean(old, rows: 17, columns: 16)
        let within = try OpenedModel(path: model.path, adding: [.init("<a>"), .init("<b>")])
        #expect(within.configuration.vocabularySize == 20)
        let numbers = try #require(within.weights?.tensors["model.embed_tokens.weight"])
        #expect(numbers.shape == [20, 16] && numbers.floats() == Array(old[..<(17 * 16)]) + mean + mean + Array(old[(19 * 16)...]))
        #expect((within.folder as? GrownFolder)?.note?.contains("in rows that the model did not use") == true)
        let beyond = try OpenedModel(path: model.path, adding: (0..<5).map { .init("<\($0)>") })
        #expect(beyond.configuration.vocabularySize == 22)
        #expect(
            beyond.weights?.tensors["model.embed_tokens.weight"]?.floats() == Array(old[..<(17 * 16)])
                + Array((0..<5).map { _ in mean }.joined()))
    }

    @Test func aHeadsBiasGrowsToo() throws {
        let model = try Self.model(
            [
                JSONMember("model_type", "phi"), JSONMember("tie_word_embeddings", false), JSONMember("partial_rotary_factor", 0.5),
            ], tokens: 20)
        defer { model.remove() }
        try model.rewrite { tensors in tensors["lm_head.bias"] = ([20], (0..<20).map { Float($0) }) }
        let opened = try OpenedModel(path: model.path, adding: [.init("<a>")])
        let bias = try #require(opened.weights?.tensors["lm_head.bias"])
        #expect(bias.shape == [21] && bias.floats() == (0..<20).map { Float($0) } + [9.5])
    }

    /// Texts, in the order in which a merged folder has them.
    @Test func theFolderSaysTheSameInAllItsTexts() throws {
        let model = try Self.model(tokens: 20)
        defer { model.remove() }
        try model.write("{}", to: "additional_chat_templates/tools.jinja")
        let folder = try GrownFolder(ModelFolders.open(model.path), adding: [.init("<a>")])
        let configuration = try JSONParser().parse(try #require(try folder.text("config.json", limit: 1 << 20)))
        #expect(configuration["vocab_size"]?.integer == 21 && configuration["hidden_size"]?.integer == 16)
        #expect(folder.companions.contains("tokenizer_config.json") && folder.companions.contains("additional_chat_templates/tools.jinja"))
        #expect(Set(folder.companions).count == folder.companions.count)
        #expect(try folder.text("additional_chat_templates/tools.jinja", limit: 1 << 20) == Array("{}".utf8))
        #expect(throws: (any Error).self) { try GrownFolder(ModelFolders.open(model.path), adding: [.init("<end>")]) }
    }

    // MARK: Adapters

    private static func adapter(rows: Int, tokenizer: String?, head: Bool = false, _ configuration: [JSONMember] = []) throws
        -> AdapterFolderTests.Folder
    {
        let q = AdapterFolderTests.q
        var tensors = AdapterFolderTests.pair("base_model.model.\(q).lora_A.weight", "base_model.model.\(q).lora_B.weight")
        tensors["base_model.model.model.embed_tokens.weight"] = AdapterFolderTests.matrix(rows, 16)
        if head { tensors["base_model.model.lm_head.weight"] = AdapterFolderTests.matrix(rows, 16) }
        let saved: JSONNode = head ? ["embed_tokens", "lm_head"] : ["embed_tokens"]
        let folder = try AdapterFolderTests.Folder(
            [
                JSONMember("modules_to_save", saved), JSONMember("target_modules", [JSONNode(q)]),
            ] + configuration, tensors)
        if let tokenizer { try DurableFiles.replace(folder.path + "/tokenizer.json", with: tokenizer) }
        return folder
    }

    /// As PEFT leaves one: rows of the embedding by the resized model, the tokenizer beside it.
    @Test func anAdaptersTokenizerAndRowsMakeTheModelLarger() throws {
        let model = try Self.model(tokens: 20)
        defer { model.remove() }
        let grown = try GrownFolder(ModelFolders.open(model.path), adding: [.init("<a>"), .init("<b>")])
        let tokenizer = String(decoding: try #require(try grown.text("tokenizer.json", limit: 1 << 20)), as: UTF8.self)
        // Padded to a multiple of eight by whoever resized it.
        let folder = try Self.adapter(rows: 24, tokenizer: tokenizer)
        defer { folder.remove() }
        let adapter = try AdapterFolder(folder.path)
        let opened = try OpenedModel(path: model.path, for: adapter)
        #expect(opened.configuration.vocabularySize == 24)
        let weights = try #require(opened.weights)
        let settings = try adapter.settings(on: LanguageModel.linearModules(of: opened.configuration))
        let language = try LanguageModel(
            opened.configuration, source: .checkpoint(weights), training: .adapter(settings, seed: 0), maximumLength: 8)
        #expect(language.copies.map(\.rows) == [24] && language.isUntied)
        // Rows too few for the tokenizer, and a tokenizer of another model.
        let small = try Self.adapter(rows: 21, tokenizer: tokenizer)
        let other = try Self.adapter(rows: 24, tokenizer: tokenizer.replacing("\"w3\"", with: "\"v3\""))
        defer {
            small.remove()
            other.remove()
        }
        #expect { try OpenedModel(path: model.path, for: AdapterFolder(small.path)) } throws: {
            "\($0)".contains("the adapter's embedding has 21 rows")
        }
        #expect { try OpenedModel(path: model.path, for: AdapterFolder(other.path)) } throws: {
            "\($0)".contains("tokenizer.json: 3: is \"v3\"")
        }
    }

    @Test func anAdapterWithTheModelsOwnTokenizerIsAsItWas() throws {
        let model = try Self.model(tokens: 20)
        defer { model.remove() }
        // The same tokens, written otherwise.
        let folder = try Self.adapter(rows: 20, tokenizer: Self.tokenizer(20) + "\n")
        defer { folder.remove() }
        let opened = try OpenedModel(path: model.path, for: AdapterFolder(folder.path))
        #expect(opened.folder is HuggingFaceFolder && opened.configuration.vocabularySize == 20)
    }

    /// PEFT's `ensure_weight_tying`: one copy for embedding and head, which may be there twice.
    @Test func aTieThatIsKeptIsOneCopy() throws {
        let model = try Self.model(tokens: 20)
        defer { model.remove() }
        let opened = try OpenedModel(path: model.path)
        let weights = try #require(opened.weights)
        func language(_ folder: AdapterFolderTests.Folder) throws -> LanguageModel {
            let settings = try AdapterFolder(folder.path).settings(on: LanguageModel.linearModules(of: opened.configuration))
            return try LanguageModel(
                opened.configuration, source: .checkpoint(weights), training: .adapter(settings, seed: 0), maximumLength: 8)
        }
        for hasHead in [true, false] {
            let folder = try Self.adapter(rows: 20, tokenizer: nil, head: hasHead, [JSONMember("ensure_weight_tying", true)])
            defer { folder.remove() }
            let tied = try language(folder)
            #expect(!tied.isUntied && tied.copies.map(\.name) == ["model.embed_tokens.weight"])
            #expect(tied.trainedKey(of: "model.embed_tokens.weight") != nil && !tied.isFrozen("model.embed_tokens.weight"))
        }
        let odd = try Self.adapter(rows: 20, tokenizer: nil, head: true, [JSONMember("ensure_weight_tying", true)])
        defer { odd.remove() }
        var tensors: AdapterFolderTests.Folder.Tensors = [:]
        let file = odd.path + "/adapter_model.safetensors"
        for tensor in try SafetensorsFile(path: file).tensors { tensors[tensor.name] = (tensor.shape, tensor.floats()) }
        tensors["base_model.model.lm_head.weight"]?.numbers[7] += 1
        FolderListing.delete(file)
        try TinyModel.write(tensors, to: file)
        #expect { try language(odd) } throws: { "\($0)".contains("though adapter_config.json ties them") }
    }
}
