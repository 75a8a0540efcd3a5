import Foundation
import TestSupport
import Testing

@Suite struct GenerateTests {
    /// The model that comes with the project, with one more token than its embedding has rows.
    private static func modelWithATokenTooMany() throws -> String {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tala-generate-\(UUID().uuidString)")
        try FileManager.default.copyItem(at: tests.deletingLastPathComponent().appendingPathComponent("demo/model"), to: folder)
        let file = folder.appendingPathComponent("tokenizer.json")
        var tokenizer = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        // An added token has the id of its text in the vocabulary.
        var model = try #require(tokenizer["model"] as? [String: Any])
        var vocabulary = try #require(model["vocab"] as? [String: Any])
        vocabulary["<|extra|>"] = 768
        model["vocab"] = vocabulary
        tokenizer["model"] = model
        var added = try #require(tokenizer["added_tokens"] as? [[String: Any]])
        added.append([
            "id": 768, "content": "<|extra|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true,
        ])
        tokenizer["added_tokens"] = added
        try JSONSerialization.data(withJSONObject: tokenizer).write(to: file)
        return folder.path
    }

    @Test func whatIsPrintedWordByWordIsTheWholeAnswer() throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let model = tests.deletingLastPathComponent().appendingPathComponent("demo/model").path
        let command = ["generate", "--model", model, "--prompt", "Once", "--max-tokens", "40", "--temperature", "3", "--seed", "9"]
        let printed = try BuiltProgram(name: "tala").run(command)
        let whole = try BuiltProgram(name: "tala").run(command + ["--json"])
        #expect(printed.status == 0 && whole.status == 0, "\(printed)")
        let text = try #require(JSONSerialization.jsonObject(with: Data(whole.output.utf8)) as? [String: Any])["text"] as? String
        // Drawn so roughly, the tokens are parts of characters as often as not.
        #expect(printed.output == text.map { $0 + "\n" } && text?.contains("\u{FFFD}") == true, "\(printed.output)")
    }

    @Test func aTokenThatTheModelHasNoRowForIsRefused() throws {
        let folder = try Self.modelWithATokenTooMany()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let outcome = try BuiltProgram(name: "tala").run([
            "generate", "--model", folder, "--prompt", "Hello <|extra|>", "--max-tokens", "2",
        ])
        #expect(outcome.status == 1)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.contains("768"), "\(outcome.errors)")
    }
}
