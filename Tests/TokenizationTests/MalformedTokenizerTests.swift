import Foundation
import JSON
import TestSupport
import Testing

@testable import Tokenization

@Suite struct MalformedTokenizerTests {
    @Test(arguments: ReferenceItem.all("malformed/tokenizer")) func aBadTokenizerIsRefusedByFieldAndAGoodOneIsRead(item: ReferenceItem)
        throws
    {
        let expected = try item.json("expect.json")
        do {
            _ = try Tokenizer(folder: item.path)
            #expect(expected["verdict"]?.string == "accept")
        } catch {
            #expect(expected["verdict"]?.string == "reject", "\(error)")
            #expect(error.file.hasSuffix("tokenizer.json"))
            if let field = expected["field"]?.string { #expect(error.field == field, "\(error)") }
        }
    }

    @Test(arguments: ReferenceItem.all("malformed/chat-template"))
    func aBadTemplateIsRefusedWithTheFileOrTheTemplatesOwnWords(item: ReferenceItem) throws {
        let folder = NSTemporaryDirectory() + "tala-template-\(item.name)-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(
            atPath: item.set.path("tokenizers/bpe-qwen2-regex/tokenizer.json"), toPath: folder + "/tokenizer.json")
        try FileManager.default.copyItem(
            atPath: item.path("tokenizer_config.json"), toPath: folder + "/tokenizer_config.json")
        #expect(throws: ChatError.self) {
            let encoder = try ChatEncoder(folder: folder)
            _ = try encoder.encode(messages: [["role": "user", "content": "Hello"], ["role": "assistant", "content": "Good day"]])
        }
    }
}
