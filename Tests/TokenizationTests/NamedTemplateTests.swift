import Foundation
import JSON
import Testing

@testable import Tokenization

/// Which of several templates is taken, as transformers chooses.
@Suite struct NamedTemplateTests {
    private static let tokenizer = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Reference/byte-level.tokenizer.json").path

    /// What is rendered without and with tools, or the error.
    private func rendered(_ files: [String: String]) throws -> [String] {
        let folder = NSTemporaryDirectory() + "tala-named-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder + "/additional_chat_templates", withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: Self.tokenizer, toPath: folder + "/tokenizer.json")
        for (name, text) in files { try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name)) }
        let encoder = try ChatEncoder(folder: folder)
        let messages: JSONNode = [["role": "user", "content": "q"]]
        let tools: [JSONNode] = [["type": "function", "function": ["name": "f"]]]
        let choices: [JSONNode?] = [.none, .some(JSONNode(tools))]
        return choices.map { tools in
            do throws(ChatError) { return try encoder.render(messages: messages, tools: tools) } catch { return "\(error)" }
        }
    }

    private static let list =
        #"{"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}, {"name": "rag", "template": "R"}]}"#

    @Test func aLineWithToolsTakesTheTemplateForTools() throws {
        #expect(try rendered(["tokenizer_config.json": Self.list]) == ["D", "T"])
        #expect(try rendered(["tokenizer_config.json": #"{"chat_template": {"default": "D", "tool_use": "T"}}"#]) == ["D", "T"])
        #expect(
            try rendered(["chat_template.jinja": "D", "additional_chat_templates/tool_use.jinja": "T"]) == ["D", "T"])
        #expect(try rendered(["tokenizer_config.json": #"{"chat_template": "S"}"#]) == ["S", "S"])
    }

    @Test func filesGoBeforeTheConfiguration() throws {
        #expect(try rendered(["tokenizer_config.json": Self.list, "chat_template.jinja": "F"]) == ["F", "F"])
        #expect(try rendered(["chat_template.json": #"{"chat_template": "J"}"#]) == ["J", "J"])
        #expect(try rendered(["chat_template.json": #"{"chat_template": "J"}"#, "tokenizer_config.json": Self.list]) == ["D", "T"])
    }

    @Test(arguments: ["chat_template.jinja", "additional_chat_templates/tool_use.jinja"])
    func aPointerOrAPageInATemplatesPlaceIsCalledByItsName(file: String) throws {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n"
        for (text, words) in [(pointer, "git lfs pull"), ("<!DOCTYPE html><html>", "web page")] {
            #expect { try rendered([file: text]) } throws: { "\($0)".contains(file) && "\($0)".contains(words) }
        }
    }

    @Test func withoutADefaultTheNamesAreListed() throws {
        let texts = try rendered([
            "tokenizer_config.json": #"{"chat_template": [{"name": "rag", "template": "R"}, {"name": "tool_use", "template": "T"}]}"#
        ])
        #expect(texts[0].contains("rag, tool_use") && texts[1] == "T")
    }
}
