import Foundation
import JSON
import Manifest
import Testing

/// `add_tokens` of a manifest.
@Suite struct AddedTokenTests {
    private static func tokens(_ text: String) throws -> [Manifest.AddedToken] {
        try ManifestTests.read(ManifestTests.least + "add_tokens: " + text).addedTokens
    }

    @Test func textsAndObjectsAreTokens() throws {
        let tokens = try Self.tokens(#"["<tool>", {content: "<end>", special: true}, {content: " x ", lstrip: true, normalized: false}]"#)
        #expect(tokens.map(\.content) == ["<tool>", "<end>", " x "] && tokens.map(\.isSpecial) == [false, true, false])
        // As in Hugging Face's tokenizers, what is special is not looked for in normalised text.
        #expect(tokens.map(\.isNormalized) == [true, false, false] && tokens[2].stripsLeft && !tokens[2].stripsRight)
        let manifest = try ManifestTests.read(ManifestTests.least + #"add_tokens: ["a b", {content: c, single_word: true}]"#)
        let again = try ManifestTests.read(JSONWriter().string(manifest.json), yaml: false)
        #expect(again == manifest && again.json["add_tokens"]?.array?.first?.string == "a b")
        #expect(try Self.tokens("[]").isEmpty && ManifestTests.read(ManifestTests.least).json["add_tokens"] == nil)
    }

    @Test(arguments: [
        (#"["a", "a"]"#, "[1] is \"a\" a second time"), (#"[""]"#, "[0] is not a text of 1 to 256 characters"),
        (#"["ok", " \t"]"#, "[1] holds white space alone"), ("[1]", "[0] is a number, neither a token's text nor an object"),
        ("[{special: true}]", "[0] has no content"), ("[{content: a, lstrp: true}]", "[0] has the key \"lstrp\""),
        ("[{content: a, special: 1}]", "[0] special is a number; write true or false"), ("<tool>", "is a string, not a list of tokens"),
        ("[\(String(repeating: "x", count: 257))]", "[0] is not a text of 1 to 256 characters"),
    ])
    func whatIsNoTokenIsAnErrorOfItsEntry(text: String, words: String) {
        let error = ManifestTests.failure(ManifestTests.least + "add_tokens: " + text)
        #expect(error?.param == "add_tokens" && error?.message.hasPrefix(words) == true, "\(error?.message ?? "taken")")
    }

    @Test func moreThanAnyoneNeedsIsRefused() {
        let many = (0...4096).map { "\"t\($0)\"" }.joined(separator: ", ")
        #expect(ManifestTests.failure(ManifestTests.least + "add_tokens: [\(many)]")?.message == "has 4097 entries; 4096 are allowed")
    }

    /// Letters that look alike are two tokens: a tokenizer compares bytes.
    @Test func formsOfALetterAreTwoTokens() throws {
        #expect(try Self.tokens(#"["\u00e9x", "e\u0301x"]"#).count == 2)
    }

    @Test func whereNothingCanLearnThemTheyAreRefused() {
        let goesOn = ManifestTests.failure(ManifestTests.least + "add_tokens: [a]\nadapter: {type: lora, init_from: old}\n")
        #expect(goesOn?.param == "add_tokens" && goesOn?.message.contains("does not go with adapter.init_from") == true)
        let judges = ManifestTests.failure("model: m\nvalidation_file: v.jsonl\nadd_tokens: [a]\nmethod: {type: evaluation}\n")
        #expect(judges?.param == "add_tokens" && judges?.message.contains("which trains nothing") == true)
    }
}
