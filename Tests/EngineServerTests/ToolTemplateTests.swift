import Constraints
import Foundation
import JSON
import Templates
import TestSupport
import Testing
import Tokenization

@testable import EngineServer

/// The forms of calls that are found in templates.
@Suite struct ToolTemplateTests {
    /// A tokenizer of bytes that knows the control tokens of all these templates, with a template.
    private static func encoder(_ template: String) throws -> ChatEncoder {
        let folder = NSTemporaryDirectory() + "tala-tools-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let source = ReferenceSet.checkout + "/Tests/TokenizationTests/Reference/byte-level.tokenizer.json"
        let tokenizer = try JSONParser().parse(Array(Data(contentsOf: URL(fileURLWithPath: source))))
        let known = tokenizer["added_tokens"]?.array ?? []
        let first = try Tokenizer(json: tokenizer).vocabularySize
        let controls = ["<|im_end|>", "</s>", "<|call|>", "<|return|>", "<|eot_id|>", "<|end|>", "[TOOL_CALLS]", "<|start|>"]
        let added = controls.enumerated().filter { control in !known.contains { $0["content"]?.string == control.element } }
            .map { index, text -> JSONNode in
                [
                    "id": JSONNode(first + index), "content": JSONNode(text), "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true,
                ]
            }
        let members = (tokenizer.object ?? []).map { $0.key == "added_tokens" ? JSONMember($0.key, JSONNode(known + added)) : $0 }
        try Data(JSONWriter().bytes(JSONNode(members))).write(to: URL(fileURLWithPath: folder + "/tokenizer.json"))
        try Data(template.utf8).write(to: URL(fileURLWithPath: folder + "/chat_template.jinja"))
        try Data(#"{"bos_token": "<s>", "eos_token": "</s>"}"#.utf8).write(to: URL(fileURLWithPath: folder + "/tokenizer_config.json"))
        var encoder = try ChatEncoder(folder: folder)
        encoder.clock = .init(year: 2025, month: 3, day: 9)
        return encoder
    }

    private static func own(_ name: String) throws -> ToolTemplate {
        try ToolTemplate(
            encoder(String(contentsOfFile: ReferenceSet.checkout + "/Tests/Reference/templates/\(name)/template.jinja", encoding: .utf8)))
    }

    private static func text(_ pieces: [CallForm.Piece]?) -> String? {
        pieces.map { pieces in
            pieces.map { piece in
                switch piece {
                case .text(let bytes): String(decoding: bytes, as: UTF8.self)
                case .identifier(let length): "{\(length)}"
                }
            }.joined()
        }
    }

    @Test func theFormOfCallsIsTheTemplates() throws {
        let lines = try Self.own("chatml-tools")
        #expect(!lines.isGeneric && String(decoding: lines.form.trigger, as: UTF8.self) == "<tool_call>")
        #expect(Self.text(lines.form.opening) == "<tool_call>\n{\"name\": \"" && Self.text(lines.form.middle) == "\", \"arguments\": ")
        #expect(Self.text(lines.form.closing) == "}\n</tool_call>")
        #expect(Self.text(lines.form.between) == "}\n</tool_call>\n<tool_call>\n{\"name\": \"")

        let brackets = try Self.own("bracketed-tools")
        #expect(!brackets.isGeneric && String(decoding: brackets.form.trigger, as: UTF8.self) == "[TOOL_CALLS][")
        #expect(Self.text(brackets.form.closing) == ", \"id\": \"{9}\"}]")
        #expect(Self.text(brackets.form.between) == ", \"id\": \"{9}\"}, {\"name\": \"")

        let headers = try Self.own("headers-with-date")
        #expect(!headers.isGeneric && Self.text(headers.form.opening) == "{\"name\": \"" && headers.form.isOnlyAtStart)
        #expect(
            Self.text(headers.form.middle) == "\", \"parameters\": " && Self.text(headers.form.closing) == "}"
                && headers.form.between == nil)

        let channels = try Self.own("channels")
        #expect(!channels.isGeneric && Self.text(channels.form.opening) == " to=functions.")
        #expect(
            Self.text(channels.form.middle) == "<|channel|>commentary<|message|>" && channels.form.closing.isEmpty
                && channels.form.between == nil)
        for name in ["chatml", "phi-style", "two-parties", "instruction-blocks"] { #expect(try Self.own(name).isGeneric, "\(name)") }
    }

    /// What is trained on is what is taken: a call as the template renders it fits the form that
    /// was found, and is read as the call it is.
    @Test(arguments: ["chatml-tools", "bracketed-tools", "headers-with-date", "channels", "chatml-reasoning"])
    func aRenderedCallFitsTheForm(_ name: String) throws {
        let path = ReferenceSet.checkout + "/Tests/Reference/templates/\(name)/template.jinja"
        let encoder = try Self.encoder(String(contentsOfFile: path, encoding: .utf8))
        let template = ToolTemplate(encoder)
        let schema: JSONNode = ["type": "object", "properties": ["city": ["type": "string"]], "required": ["city"]]
        let tools: JSONNode = [["type": "function", "function": ["name": "weather", "description": "The weather", "parameters": schema]]]
        let call: JSONNode = [
            "id": "aB3dE6gH9", "type": "function", "function": ["name": "weather", "arguments": #"{"city": "K\u00f6ln \"}"}"#],
        ]
        let question: JSONNode = ["role": "user", "content": "The weather?"]
        let asked = try encoder.render(template.conversation([question], tools: tools), addGenerationPrompt: true)
        let whole = try encoder.render(
            template.conversation([question, ["role": "assistant", "content": "", "tool_calls": [call]]], tools: tools))
        #expect(asked.contains("weather"))
        let answer = Array(whole.utf8.dropFirst(zip(asked.utf8, whole.utf8).prefix { $0 == $1 }.count)).drop { $0 == 10 }
        var reader = CallReader(template.form, isTriggered: false)
        let pieces = reader.append(answer)
        #expect(pieces.first?.name == "weather" && reader.finishedCount == 1, "\(String(decoding: answer, as: UTF8.self))")
        #expect(try JSONParser().parse(pieces.map(\.arguments).joined())["city"]?.string == "Köln \"}")
    }

    @Test func toolsAreWordsWhereTheTemplateKnowsNone() throws {
        let template = try Self.own("chatml")
        let tools: JSONNode = [["type": "function", "function": ["name": "weather", "parameters": ["type": "object"]]]]
        let messages: JSONNode = [
            ["role": "system", "content": "Be brief."], ["role": "user", "content": "a"],
            [
                "role": "assistant", "content": nil,
                "tool_calls": [["id": "1", "type": "function", "function": ["name": "weather", "arguments": "{}"]]],
            ],
            ["role": "tool", "tool_call_id": "1", "content": "warm"], ["role": "tool", "tool_call_id": "2", "content": "cold"],
        ]
        let changed = try #require(template.conversation(messages, tools: tools).messages.array)
        #expect(changed.map { $0["role"]?.string ?? "" } == ["system", "user", "assistant", "user"])
        #expect(
            changed[0]["content"]?.string?.hasPrefix("Be brief.\n\n") == true
                && changed[0]["content"]?.string?.contains(#""name":"weather"#) == true
                || changed[0]["content"]?.string?.contains(#""name": "weather"#) == true)
        var reader = CallReader(.generic, isTriggered: false)
        #expect(reader.append(Array((changed[2]["content"]?.string ?? "").utf8)).first?.name == "weather" && reader.finishedCount == 1)
        #expect(changed[3]["content"]?.string == "<tool_response>\nwarm\n</tool_response>\n<tool_response>\ncold\n</tool_response>")
    }
}
