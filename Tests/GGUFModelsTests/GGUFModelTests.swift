import CPUBackend
import Foundation
import JSON
import Manifest
import Runtime
import Storage
import Tensors
import TestSupport
import Testing
import Tokenization

@testable import GGUFModels
@testable import Models

/// Models of llama.cpp's converter, read.
@Suite struct GGUFModelTests {
    static let folder = ReferenceSet.shared.path("gguf")
    static let hasReference = ReferenceSet.available.contains(.shared)
    static func names(_ folder: String) -> [String] {
        hasReference ? ((try? FileManager.default.contentsOfDirectory(atPath: Self.folder + "/" + folder)) ?? []).sorted() : []
    }
    private static func json(_ path: String) throws -> JSONNode {
        try JSONParser().parse([UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
    }

    /// Everything that a job does with a base before it begins.
    static func open(_ path: String) throws {
        let opened = try OpenedModel(path: path)
        let encoder = try ChatEncoder(TokenizerTexts(opened.folder))
        try opened.configuration.requireEmbedding(of: [encoder.tokenizer.vocabularySize - 1], from: path)
        let weights = try #require(opened.weights)
        let model = try LanguageModel(
            opened.configuration, source: .checkpoint(weights), training: .nothing, precision: .init(baseWeights: .float32),
            maximumLength: 8)
        _ = try LoadedModel(model, on: CPUDevice())
    }

    @Test(.enabled(if: hasReference, "../shared/golden is not there"), arguments: names("malformed"))
    func aModelIsRefusedAsTheReferenceSays(name: String) throws {
        let expected = try Self.json(Self.folder + "/malformed/\(name)/expect.json")
        let isRefused = expected["verdict"]?.string == "reject"
        do {
            try Self.open(Self.folder + "/malformed/\(name)/model.gguf")
            #expect(!isRefused, "\(expected["why"]?.string ?? "")")
        } catch {
            #expect(isRefused, "\(error)")
            let text = "\(error)"
            #expect(text.contains("model.gguf"), "\(text)")
            // A template is named by its place among texts.
            if let field = expected["field"]?.string, name != "template-broken" { #expect(text.contains(field), "\(text)") }
        }
    }

    @Test(.enabled(if: hasReference, "../shared/golden is not there"), arguments: names("models"))
    func configurationAndWeightsAreThoseOfTheSource(name: String) throws {
        let golden = try #require(try Self.json(Self.folder + "/golden.json")["models"]?[name])
        let source = Self.folder + "/" + (try #require(golden["source"]?.string))
        let opened = try OpenedModel(path: Self.folder + "/models/" + name)
        var (found, wanted) = (opened.configuration, try OpenedModel(path: source).configuration)
        if name.hasPrefix("mistral") {
            // Files of this architecture say nothing of a window.
            wanted.slideEverywhere(nil)
            wanted.modelType = "llama"
            wanted.family = found.family
        }
        // What only fresh weights have.
        (found.storedType, wanted.storedType) = (.float32, .float32)
        (found.initializerRange, wanted.initializerRange) = (0, 0)
        for (index, table) in wanted.rotaryTables.enumerated() where index < found.rotaryTables.count {
            let numbers = zip(found.rotaryTables[index].settings.table(positions: 64), table.settings.table(positions: 64))
            #expect(numbers.allSatisfy { abs($0 - $1) <= 1e-5 })
            found.rotaryTables[index] = table
        }
        #expect(found == wanted)
        let weights = try #require(opened.weights)
        let original = try #require(try OpenedModel(path: source).weights)
        for (key, tensor) in weights.tensors {
            let reference = try #require(original.tensors[key], "\(key)")
            #expect(tensor.shape == reference.shape, "\(key)")
            let (numbers, exact) = (tensor.floats(), reference.floats())
            let size = exact.reduce(0) { max($0, abs($1)) }
            // Codes of two bits are far off; a row in another's place would be as far as numbers
            // go.
            let mean = zip(numbers, exact).reduce(0) { $0 + abs($1.0 - $1.1) } / Float(max(1, numbers.count))
            let bound: Float = name.contains("q2_k") ? 0.15 : tensor.blocks != nil ? 0.04 : 0.004
            #expect(mean <= bound * max(size, 1e-3), "\(key): \(mean) of \(size)")
        }
        let names = Set(original.tensors.keys.filter { $0 != "lm_head.weight" })
        #expect(Set(weights.tensors.keys.filter { $0 != "lm_head.weight" }) == names)
    }

    @Test(.enabled(if: hasReference, "../shared/golden is not there"))
    func textsAreCutAsTheTokenizerOfTheSourceCutsThem() throws {
        let cases = try #require(try Self.json(Self.folder + "/tokenizer_cases.json")["encode"]?.object)
        #expect(cases.count == 6)
        for file in cases {
            let tokenizer = try Tokenizer(TokenizerTexts(ModelFolders.open(Self.folder + "/models/\(file.key).gguf")))
            for item in file.node.array ?? [] {
                let text = try #require(item["text"]?.string)
                let ids = tokenizer.encode(text, addSpecialTokens: false)
                #expect(ids.map { Int($0) } == item["ids"]?.array?.compactMap(\.integer), "\(file.key): \(text)")
            }
        }
    }

    /// Tokenizer, ends and template against those of the folder that the file was made from.
    @Test(.enabled(if: hasReference, "../shared/golden is not there"), arguments: names("models"))
    func conversationsAreThoseOfTheSource(name: String) throws {
        let golden = try #require(try Self.json(Self.folder + "/golden.json")["models"]?[name])
        let folder = Self.folder + "/" + (try #require(golden["tokenizer"]?.string))
        guard FileManager.default.fileExists(atPath: folder + "/tokenizer.json") else { return }
        let found = try ChatEncoder(TokenizerTexts(ModelFolders.open(Self.folder + "/models/" + name)))
        // transformers' classes build some tokenizers otherwise than tokenizer.json has them, which
        // is what the file was made from.
        let wanted = try Tokenizer(path: folder + "/tokenizer.json")
        let encoder = try ChatEncoder(folder: folder)
        let messages: JSONNode = [
            ["role": "user", "content": "Tell me  of 12 na\u{EF}ve foxes, don't you?\n"],
            ["role": "assistant", "content": " Once 3333 \u{1F98A}!"],
        ]
        let text = try found.render(messages: messages)
        #expect(text == (try encoder.render(messages: messages)))
        #expect(found.specialTokens.endID == encoder.specialTokens.endID)
        #expect(found.endIDs.contains(try #require(encoder.specialTokens.endID)))
        #expect(try found.encode(messages: messages).isTrained.contains(true))
        for text in [text, "", " ", "a b", "The little bird's\n\n\tnest 42", "<|user|>x", "</s>y"] {
            let ids = wanted.encode(text)
            #expect(found.tokenizer.encode(text) == ids, "\(name): \(text)")
            #expect(found.tokenizer.decode(ids) == wanted.decode(ids))
        }
    }
}
