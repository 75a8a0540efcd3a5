import Foundation
import JSON
import Testing

@testable import Tokenization

/// Token ids under the settings that stand beside tokenizer.json, as transformers 5.24 gives them
/// (`scripts/make-tokenizer-reference`).
@Suite struct TokenizerSettingsTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Reference")

    private static func withFolder<Result>(_ tokenizer: String, _ files: JSONNode, _ body: (String) throws -> Result) throws -> Result {
        let path = NSTemporaryDirectory() + "tala-settings-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try FileManager.default.copyItem(
            atPath: folder.appendingPathComponent("\(tokenizer).tokenizer.json").path, toPath: path + "/tokenizer.json")
        for file in files.object ?? [] {
            try Data(JSONWriter().bytes(file.node)).write(to: URL(fileURLWithPath: path + "/" + file.key))
        }
        return try body(path)
    }

    private static func ids(_ node: JSONNode?) -> [[[Int]]] {
        (node?.array ?? []).map { pair in (pair.array ?? []).map { ($0.array ?? []).compactMap(\.integer) } }
    }

    @Test(arguments: ["sentencepiece", "byte-level"]) func idsAreThoseOfTransformersUnderEverySetting(name: String) throws {
        let lines = try String(contentsOf: Self.folder.appendingPathComponent("\(name).jsonl"), encoding: .utf8).split(separator: "\n")
        let first = try JSONParser().parse(String(lines[0]))
        let texts = (first["texts"]?.array ?? []).compactMap(\.string)
        let base = Self.ids(first["ids"])
        #expect(texts.count >= 200 && base.count == texts.count && lines.count > 100)
        var wrong = 0
        for line in lines {
            let entry = try JSONParser().parse(String(line))
            var expected = base
            for difference in entry["differences"]?.array ?? [] {
                guard let place = difference.array?.first?.integer, let other = difference.array?.last else { continue }
                expected[place] = (other.array ?? []).map { ($0.array ?? []).compactMap(\.integer) }
            }
            let files = try #require(entry["files"])
            let problem: String? = try Self.withFolder(name, files) { path in
                let tokenizer = try Tokenizer(folder: path)
                for (text, wanted) in zip(texts, expected) {
                    for (addSpecialTokens, ids) in zip([false, true], wanted) {
                        let found = tokenizer.encode(text, addSpecialTokens: addSpecialTokens).map(Int.init)
                        if found != ids { return "\(text.debugDescription): \(found) instead of \(ids)" }
                    }
                }
                return nil
            }
            if let problem {
                wrong += 1
                if wrong <= 12 { Issue.record("\(entry["class"]?.string ?? "") \(JSONWriter().string(files)): \(problem)") }
            }
        }
        #expect(wrong == 0, "\(wrong) of \(lines.count) combinations")
    }

    /// An added token's id is the next free one, in the order of the list, whatever the file says:
    /// so do transformers 5.24 and the library, which say it in the log.
    @Test func addedTokensWithIDsOfTheirOwnGetThoseOfTransformers() throws {
        func token(_ id: Int, _ text: String) -> JSONNode {
            [
                "id": JSONNode(id), "content": JSONNode(text), "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
                "special": true,
            ]
        }
        let file = Self.folder.appendingPathComponent("byte-level.tokenizer.json")
        let base = try JSONParser().parse(String(contentsOf: file, encoding: .utf8))
        let own = base["added_tokens"]?.array ?? []
        #expect(own.last?["id"]?.integer == 422)
        let cases: [([JSONNode], [Int])] = [
            ([token(429, "<new>")], [423]), ([token(429, "<new>"), token(439, "<other>")], [423, 424]),
            ([token(421, "<new>"), token(420, "<other>")], [423, 424]), ([token(5, "<new>")], [423]),
            ([token(423, "<new>"), token(423, "<other>")], [423, 424]),
        ]
        for (added, expected) in cases {
            let members = (base.object ?? []).map { $0.key == "added_tokens" ? JSONMember($0.key, JSONNode(own + added)) : $0 }
            let tokenizer = try Tokenizer(json: JSONNode(members))
            let found = added.flatMap { tokenizer.encode($0["content"]?.string ?? "", addSpecialTokens: false).map(Int.init) }
            #expect(found == expected)
        }
    }

    private func message(_ files: JSONNode) throws -> String {
        try Self.withFolder("sentencepiece", files) { path in
            do throws(TokenizerError) { _ = try Tokenizer(folder: path) } catch {
                return error.description.replacingOccurrences(of: path, with: "")
            }
            return "read"
        }
    }

    @Test func aSettingThatIsNotUnderstoodIsNamed() throws {
        let config: JSONNode = ["model_type": "llama"]
        #expect(
            try message(["config.json": config, "tokenizer_config.json": ["tokenizer_class": "BertTokenizer"]])
                .hasPrefix("/tokenizer_config.json: tokenizer_class: BertTokenizer builds its tokenizer otherwise"))
        #expect(
            try message(["config.json": config, "tokenizer_config.json": ["tokenizer_class": "LlamaTokenizer", "legacy": "yes"]])
                == "/tokenizer_config.json: legacy: is a string, not true or false")
        #expect(
            try message(["tokenizer_config.json": ["added_tokens_decoder": ["2": ["rstrip": true]]]])
                == "/tokenizer_config.json: added_tokens_decoder.2: is no token: content is missing")
        #expect(
            try message(["added_tokens.json": ["<x>": "2"]]) == "/added_tokens.json: <x>: is a string, not a token id")
        #expect(try message(["tokenizer_config.json": ["tokenizer_class": "MyOwnTokenizer"]]) == "read")
    }
}
