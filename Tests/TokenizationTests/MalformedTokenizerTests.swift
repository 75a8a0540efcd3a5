import Foundation
import JSON
import TestSupport
import Testing

@testable import Tokenization

@Suite(.enabled(if: SharedData.isThere)) struct MalformedTokenizerTests {
    static var cases: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: SharedData.path("malformed/tokenizer")).sorted()) ?? []
    }

    @Test(arguments: cases) func aBadTokenizerIsRefusedByFieldAndAGoodOneIsRead(name: String) throws {
        let folder = SharedData.path("malformed/tokenizer/" + name)
        let expected = try SharedData.json("malformed/tokenizer/\(name)/expect.json")
        do {
            _ = try Tokenizer(folder: folder)
            #expect(expected["verdict"]?.string == "accept")
        } catch {
            #expect(expected["verdict"]?.string == "reject", "\(error)")
            #expect(error.file.hasSuffix("tokenizer.json"))
            if let field = expected["field"]?.string { #expect(error.field == field, "\(error)") }
        }
    }

    @Test(arguments: ["always-raises", "huge-range", "syntax-error", "unclosed-for", "unknown-filter"])
    func aBadTemplateIsRefusedWithTheFileOrTheTemplatesOwnWords(name: String) throws {
        let folder = NSTemporaryDirectory() + "tala-template-\(name)-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(
            atPath: SharedData.path("tokenizers/bpe-qwen2-regex/tokenizer.json"), toPath: folder + "/tokenizer.json")
        try FileManager.default.copyItem(
            atPath: SharedData.path("malformed/chat-template/\(name)/tokenizer_config.json"), toPath: folder + "/tokenizer_config.json")
        #expect(throws: ChatError.self) {
            let encoder = try ChatEncoder(folder: folder)
            _ = try encoder.encode(messages: [["role": "user", "content": "Hello"], ["role": "assistant", "content": "Good day"]])
        }
    }
}
