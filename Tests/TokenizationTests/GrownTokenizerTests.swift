import Foundation
import JSON
import Testing

@testable import Tokenization

/// Tokens that are added to a model's, with the ids that transformers 5.24 gives after
/// `add_tokens` (`scripts/make-tokenizer-reference`).
@Suite struct GrownTokenizerTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Reference")

    /// A tokenizer's texts, those beside it as given.
    private static func texts(_ name: String, _ files: JSONNode = JSONNode([JSONMember]())) throws -> TokenizerTexts {
        let source = Array(try Data(contentsOf: folder.appendingPathComponent("\(name).tokenizer.json")))
        var all = Dictionary((files.object ?? []).map { ($0.key, JSONWriter().bytes($0.node)) }) { first, _ in first }
        all["tokenizer.json"] = source
        return TokenizerTexts(path: name) { [all] name throws(TokenizerError) in all[name] }
    }

    private static func addition(_ node: JSONNode) -> GrownTokenizer.Addition {
        let isSpecial = node["special"]?.bool ?? false
        let flags = ["single_word", "lstrip", "rstrip"].map { (key: $0, value: node[$0]?.bool ?? false) }
        return GrownTokenizer.Addition(
            content: node["content"]?.string ?? node.string ?? "",
            flags: flags + [("normalized", node["normalized"]?.bool ?? !isSpecial), ("special", isSpecial)])
    }

    @Test func idsAreThoseOfTransformersAfterAddTokens() throws {
        let lines = try String(contentsOf: Self.folder.appendingPathComponent("added-tokens.jsonl"), encoding: .utf8).split(separator: "\n")
        let samples = (try JSONParser().parse(String(lines[0]))["texts"]?.array ?? []).compactMap(\.string)
        #expect(samples.count >= 200 && lines.count == 50)
        var found = 0
        for line in lines.dropFirst() {
            let entry = try JSONParser().parse(String(line))
            let base = try Self.texts(entry["tokenizer"]?.string ?? "", entry["files"] ?? nil)
            let additions = (entry["additions"]?.array ?? []).map(Self.addition)
            let grown = try GrownTokenizer(base, adding: additions)
            let what = "\(entry["class"]?.string ?? "") \(JSONWriter().string(entry["additions"] ?? nil)) in \(base.path)"
            #expect(grown.ids.map(Int.init) == (entry["new"]?.array ?? []).compactMap(\.integer), "\(what)")
            let tokenizer = try Tokenizer(base.replacing(grown.texts))
            for (text, wanted) in zip(samples, entry["ids"]?.array ?? []) {
                let ids = tokenizer.encode(text, addSpecialTokens: false).map(Int.init)
                #expect(ids == (wanted.array ?? []).compactMap(\.integer), "\(what): \(text.debugDescription)")
                if ids.contains(where: { id in grown.ids.contains { Int($0) == id } }) { found += 1 }
            }
            // What the model knows stays what it is.
            let before = try Tokenizer(base)
            for id in 0..<Int32(before.vocabularySize) { #expect(before.token(of: id) == tokenizer.token(of: id), "\(what): \(id)") }
        }
        #expect(found > 500)
    }

    @Test func decodingGivesTheTextBackAndLeavesOutWhatIsSpecial() throws {
        let base = try Self.texts("byte-level")
        let grown = try GrownTokenizer(base, adding: [Self.addition("<tool>"), Self.addition(["content": "<|x|>", "special": true])])
        let tokenizer = try Tokenizer(base.replacing(grown.texts))
        let ids = tokenizer.encode("a <tool> b<|x|>c", addSpecialTokens: false)
        #expect(Set(grown.ids).isSubset(of: Set(ids)))
        #expect(tokenizer.decode(ids, skipSpecialTokens: true) == "a <tool> bc")
        #expect(tokenizer.decode(ids, skipSpecialTokens: false) == "a <tool> b<|x|>c")
    }

    /// Two hundred tokens at a time, as rows of a table of places have them.
    @Test func manyTokensHaveIDsInTheirOrder() throws {
        let base = try Self.texts("sentencepiece")
        let grown = try GrownTokenizer(base, adding: (0..<200).map { Self.addition(JSONNode("<place_\($0)>")) })
        #expect(grown.ids == (0..<200).map { Int32(grown.oldCount + $0) })
    }

    @Test func whatTheTokenizerHasAlreadyIsAnErrorOfItsEntry() throws {
        let base = try Self.texts("byte-level")
        for (tokens, words) in [
            (["<new>", "<|im_end|>"], "add_tokens[1]: \"<|im_end|>\" is a token of the model already, with the id 422"),
            (["a"], "add_tokens[0]: \"a\" is a token of the model already"),
        ] {
            #expect { try GrownTokenizer(base, adding: tokens.map { Self.addition(JSONNode($0)) }) } throws: {
                "\($0)".hasPrefix("manifest: " + words)
            }
        }
    }

    @Test func theTextsSayWhatTransformersReads() throws {
        let decoder: JSONNode = ["420": ["content": "<|endoftext|>", "special": true]]
        let base = try Self.texts(
            "byte-level", ["tokenizer_config.json": ["added_tokens_decoder": decoder], "config.json": ["model_type": "llama"]])
        let grown = try GrownTokenizer(base, adding: [Self.addition(["content": "<tool>", "rstrip": true])])
        let file = try JSONParser().parse(try #require(grown.texts["tokenizer.json"]))
        let last = try #require(file["added_tokens"]?.array?.last)
        #expect(last["id"]?.integer == 423 && last["content"]?.string == "<tool>" && last["rstrip"]?.bool == true)
        #expect(last["normalized"]?.bool == true && last["special"]?.bool == false)
        let settings = try JSONParser().parse(try #require(grown.texts["tokenizer_config.json"]))
        #expect(settings["added_tokens_decoder"]?["423"]?["content"]?.string == "<tool>")
        // What stood in tokenizer.json alone keeps its id, too.
        #expect(settings["added_tokens_decoder"]?["422"]?["content"]?.string == "<|im_end|>")
        #expect(settings["tokenizer_class"]?.string == "PreTrainedTokenizerFast")
    }
}
