import Datasets
import Foundation
import TestSupport
import Testing

/// One faulty line, and where the report must point.
struct FaultyLine: Sendable, CustomTestStringConvertible {
    var title: String
    var line: String
    var kind: String
    var field: String?

    init(_ title: String, _ line: String, _ kind: String, _ field: String? = nil) {
        (self.title, self.line, self.kind, self.field) = (title, line, kind, field)
    }

    var testDescription: String { title }

    private static func assistant(_ members: String) -> String {
        #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", \#(members)}]}"#
    }

    static let all: [FaultyLine] = [
        .init("cut inside a key", #"{"messages": [{"ro"#, "invalid_json"),
        .init("cut behind a comma", #"{"messages": [{"role": "user"},"#, "invalid_json"),
        .init("low surrogate alone", #"{"messages": [{"role": "user", "content": "\udc00x"}]}"#, "invalid_json", "messages[0].content"),
        .init("surrogates the wrong way round", assistant(#""content": "\ude42\ud83d""#), "invalid_json", "messages[1].content"),
        .init("content twice", assistant(#""content": "a", "content": "b""#), "invalid_json", "messages[1].content"),
        .init("infinity", assistant(#""content": "a", "weight": Infinity"#), "invalid_json", "messages[1].weight"),
        .init("number beyond a double", assistant(#""content": "a", "weight": 1e999"#), "invalid_json", "messages[1].weight"),
        .init("leading zero", assistant(#""content": "a", "weight": 01"#), "invalid_json", "messages[1].weight"),
        .init("Python's True", assistant(#""content": True"#), "invalid_json", "messages[1].content"),
        .init("comment", assistant(#""content": "a"} // no"#), "invalid_json"),
        .init("tab in a string", assistant("\"content\": \"a\tb\""), "invalid_json", "messages[1].content"),
        .init("NUL in a string", assistant("\"content\": \"a\0b\""), "invalid_json", "messages[1].content"),
        .init("NUL between", "{\0}", "invalid_json"),
        .init("deep objects", String(repeating: #"{"a":"#, count: 5000), "invalid_json"),
        .init("comma at the end", #"{"messages": [],}"#, "invalid_json"),
        .init("a byte-order mark in the middle", "\u{FEFF}" + chat("q", "a"), "invalid_json"), .init("a number", "5", "wrong_type"),
        .init("a string", "\"text\"", "wrong_type"), .init("true", "true", "wrong_type"),
        .init("no key", "{}", "missing_field", "messages"),
        .init("messages in capitals", #"{"Messages": []}"#, "missing_field", "messages"),
        .init("messages is an object", #"{"messages": {"role": "user"}}"#, "wrong_type", "messages"),
        .init("messages is a number", #"{"messages": 1}"#, "wrong_type", "messages"),
        .init("a message is a string", #"{"messages": ["hello"]}"#, "wrong_type", "messages[0]"),
        .init("a message is a list", #"{"messages": [[]]}"#, "wrong_type", "messages[0]"),
        .init("role null", #"{"messages": [{"role": null, "content": "x"}]}"#, "wrong_type", "messages[0].role"),
        .init("role empty", #"{"messages": [{"role": "", "content": "x"}]}"#, "unknown_role", "messages[0].role"),
        .init("role in capitals", #"{"messages": [{"role": "User", "content": "x"}]}"#, "unknown_role", "messages[0].role"),
        .init("content is true", assistant(#""content": true"#), "wrong_type", "messages[1].content"),
        .init("content is an object", assistant(#""content": {"text": "a"}"#), "wrong_type", "messages[1].content"),
        .init("a part is a string", assistant(#""content": ["a"]"#), "wrong_type", "messages[1].content[0]"),
        .init(
            "a part is an image", assistant(#""content": [{"type": "image_url", "image_url": {}}]"#), "invalid_value",
            "messages[1].content[0].type"),
        .init("a part without text", assistant(#""content": [{"type": "text"}]"#), "missing_field", "messages[1].content[0].text"),
        .init("no parts", assistant(#""content": []"#), "empty_field", "messages[1].content"),
        .init("weight 101", assistant(#""content": "a", "weight": 101"#), "invalid_value", "messages[1].weight"),
        .init("weight -1", assistant(#""content": "a", "weight": -1"#), "invalid_value", "messages[1].weight"),
        .init(
            "a user's weight",
            #"{"messages": [{"role": "user", "content": "a", "weight": 0.5}, {"role": "assistant", "content": "b"}]}"#,
            "invalid_value", "messages[0].weight"),
        .init("weight as text", assistant(#""content": "a", "weight": "1""#), "invalid_value", "messages[1].weight"),
        .init("weight true", assistant(#""content": "a", "weight": true"#), "invalid_value", "messages[1].weight"),
        .init("every weight 0", assistant(#""content": "a", "weight": 0"#), "no_assistant", "messages"),
        .init("system alone", #"{"messages": [{"role": "system", "content": "x"}]}"#, "no_assistant", "messages"),
        .init("name is a number", assistant(#""content": "a", "name": 1"#), "wrong_type", "messages[1].name"),
        .init("reasoning is a list", assistant(#""content": "a", "reasoning_content": []"#), "wrong_type", "messages[1].reasoning_content"),
        .init("tool_calls is an object", assistant(#""tool_calls": {}"#), "wrong_type", "messages[1].tool_calls"),
        .init("tool_calls empty, no content", assistant(#""tool_calls": []"#), "missing_field", "messages[1].content"),
        .init("a call is a string", assistant(#""tool_calls": ["f"]"#), "wrong_type", "messages[1].tool_calls[0]"),
        .init(
            "a call without function", assistant(#""tool_calls": [{"id": "1", "type": "function"}]"#), "missing_field",
            "messages[1].tool_calls[0].function"),
        .init(
            "a call without name", assistant(#""tool_calls": [{"function": {"arguments": "{}"}}]"#), "missing_field",
            "messages[1].tool_calls[0].function.name"),
        .init(
            "a call's name is a number", assistant(#""tool_calls": [{"function": {"name": 1, "arguments": "{}"}}]"#), "wrong_type",
            "messages[1].tool_calls[0].function.name"),
        .init(
            "a call without arguments", assistant(#""tool_calls": [{"function": {"name": "f"}}]"#), "missing_field",
            "messages[1].tool_calls[0].function.arguments"),
        .init(
            "a call's arguments are no JSON", assistant(#""tool_calls": [{"function": {"name": "f", "arguments": "{x"}}]"#),
            "invalid_value",
            "messages[1].tool_calls[0].function.arguments"),
        .init(
            "a call's arguments are a list", assistant(#""tool_calls": [{"function": {"name": "f", "arguments": "[]"}}]"#), "invalid_value",
            "messages[1].tool_calls[0].function.arguments"),
        .init(
            "a call of another type", assistant(#""tool_calls": [{"type": "code", "function": {"name": "f", "arguments": "{}"}}]"#),
            "invalid_value",
            "messages[1].tool_calls[0].type"),
        .init(
            "the user calls a tool",
            #"{"messages": [{"role": "user", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}, {"role": "assistant", "content": "a"}]}"#,
            "invalid_value", "messages[0].tool_calls"),
        .init("tools is a string", #"{"messages": [{"role": "assistant", "content": "a"}], "tools": "no"}"#, "wrong_type", "tools"),
        .init(
            "a tool without function", #"{"messages": [{"role": "assistant", "content": "a"}], "tools": [{"type": "function"}]}"#,
            "missing_field", "tools[0].function"),
        .init(
            "a tool's parameters are a list",
            #"{"messages": [{"role": "assistant", "content": "a"}], "tools": [{"function": {"name": "f", "parameters": []}}]}"#,
            "wrong_type",
            "tools[0].function.parameters"),
        .init(
            "a tool's answer without content", #"{"messages": [{"role": "tool"}, {"role": "assistant", "content": "a"}]}"#, "missing_field",
            "messages[0].content"),
    ]
}

@Suite struct FaultyLineTests {
    @Test(arguments: FaultyLine.all) func aFaultyLineIsNamedWithItsField(fault: FaultyLine) throws {
        let report = try DataFolder().report(chat("Hi", "Hello.") + "\n\n" + fault.line + "\n" + chat("Bye", "Bye.") + "\n")
        let first = try #require(report.problems.first.first)
        #expect(first.line == 3 && first.kind == fault.kind && first.file == "data.jsonl", "\(first)")
        if let field = fault.field { #expect(first.field == field) }
        #expect(first.found != nil && first.expected != nil)
        // The lines around it were read.
        #expect(report.exampleCount == 2 && !report.isValid)
    }

    @Test func bytesThatAreNotUTF8AreNamedByLine() throws {
        let folder = try DataFolder()
        for bytes: [UInt8] in [[0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0x80]] {
            let (before, behind) = (Array(#"{"messages": [{"role": "assistant", "content": "a"#.utf8), Array("\"}]}\n".utf8))
            let report = try folder.reader().read(folder.write("data.jsonl", Array((chat("a", "b") + "\n").utf8) + before + bytes + behind))
                .report
            #expect(report.problems.first.first?.line == 2 && report.problems.total == 1)
        }
    }

    @Test func filesThatAreNoTextAreRefusedByName() throws {
        let folder = try DataFolder()
        let text = Array(chat("a", "b").utf8)
        let cases: [([UInt8], String)] = [
            ([0xFF, 0xFE] + text.flatMap { [$0, 0] }, "UTF-16"), ([0xFE, 0xFF] + text.flatMap { [0, $0] }, "UTF-16"),
            (text.flatMap { [$0, 0] }, "UTF-16"),
            ([0xFF, 0xFE, 0, 0] + text.flatMap { [$0, 0, 0, 0] }, "UTF-32"), (Array("PAR1".utf8) + text, "Parquet"),
            ([0x28, 0xB5, 0x2F, 0xFD] + text, "zstd"), ([0x50, 0x4B, 3, 4] + text, "zip"),
        ]
        for (bytes, word) in cases {
            let report = try folder.reader().read(folder.write("data.jsonl", bytes)).report
            #expect(report.problems.first.first?.message.contains(word) == true && report.problems.first.first?.line == 1, "\(word)")
        }
    }

    @Test func allProblemsOfALineAndOfAFileAreReported() throws {
        let line = #"{"messages": [{"role": "robot"}, {"role": "user", "content": 5, "weight": 7}, null]}"#
        let report = try DataFolder().report(line)
        #expect(
            report.problems.first.map(\.field) == [
                "messages[0].role", "messages[0].content", "messages[1].weight", "messages[1].content", "messages[2]",
            ])
        let many = try DataFolder().report(String(repeating: "{\"messages\": []}\nnot JSON\n", count: 150))
        #expect(many.problems.counts == ["empty_field": 150, "invalid_json": 150])
        #expect(many.problems.first.count == 200 && many.problems.total == 300)
        #expect(many.problems.first.last?.line == 200)
    }

    @Test func aLineBeyondTheLimitIsLeftOutAndTheRestIsRead() throws {
        let long = chat("q", String(repeating: "x", count: 9 << 20))
        let report = try DataFolder().report(chats(2) + long + "\n" + chats(3))
        #expect(report.problems.first.map(\.line) == [3])
        #expect(report.exampleCount == 5)
    }
}
