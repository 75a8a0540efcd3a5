import Foundation
import JSON
import Templates
import TestSupport
import Testing

@testable import Tokenization

/// What is trained under the published templates: every word of the assistant, no word of anyone
/// else.
@Suite struct PublishedTemplateMaskTests {
    /// Words that say who speaks: A answers, R reasons, U asks, S instructs, T is a tool's result.
    private static let conversations: [(name: String, text: String)] = [
        (
            "two turns",
            #"[{"role": "user", "content": "U one"}, {"role": "assistant", "content": "A one"}, {"role": "user", "content": "U two"}, {"role": "assistant", "content": "A two"}]"#
        ),
        (
            "a system turn",
            #"[{"role": "system", "content": "S one"}, {"role": "user", "content": "U one"}, {"role": "assistant", "content": "A one\n\nA more"}]"#
        ),
        (
            "the same words from everybody",
            #"[{"role": "user", "content": "U one U one"}, {"role": "assistant", "content": "A one"}, {"role": "user", "content": "U one"}, {"role": "assistant", "content": "A one"}, {"role": "user", "content": "U one"}, {"role": "assistant", "content": "A one"}]"#
        ),
        (
            "reasoning",
            #"[{"role": "user", "content": "U one"}, {"role": "assistant", "content": "A one", "reasoning_content": "R one", "thinking": "R one"}, {"role": "user", "content": "U two"}, {"role": "assistant", "content": "A two", "reasoning_content": "R two", "thinking": "R two"}]"#
        ),
        (
            "reasoning in the text",
            #"[{"role": "user", "content": "U one"}, {"role": "assistant", "content": "<think>\nR one\n</think>\n\nA one"}, {"role": "user", "content": "U two"}, {"role": "assistant", "content": "<think>\nR two\n</think>\n\nA two"}]"#
        ),
        (
            "a tool",
            #"[{"role": "user", "content": "U one"}, {"role": "assistant", "content": "", "tool_calls": [{"id": "abcdefghi", "type": "function", "function": {"name": "weather", "arguments": {"city": "Paris"}}}]}, {"role": "tool", "tool_call_id": "abcdefghi", "name": "weather", "content": "T one"}, {"role": "assistant", "content": "A one"}]"#
        ),
        (
            "an answer without weight",
            #"[{"role": "user", "content": "U one"}, {"role": "assistant", "content": "W one", "weight": 0}, {"role": "user", "content": "U two"}, {"role": "assistant", "content": "A two"}]"#
        ),
    ]
    private static let tools =
        #"[{"type": "function", "function": {"name": "weather", "description": "d", "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "c"}}, "required": ["city"]}}}]"#

    @Test(arguments: ReferenceItem.all("templates")) func everyWordOfTheAssistantIsTrainedAndNoOther(item: ReferenceItem) throws {
        let name = item.name
        let folder = NSTemporaryDirectory() + "tala-mask-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(atPath: item.fittingTokenizer, toPath: folder + "/tokenizer.json")
        try FileManager.default.copyItem(atPath: item.path("template.jinja"), toPath: folder + "/chat_template.jinja")
        try Data(#"{"bos_token": "<s>", "eos_token": "</s>"}"#.utf8).write(to: URL(fileURLWithPath: folder + "/tokenizer_config.json"))
        var encoder = try ChatEncoder(folder: folder)
        encoder.clock = .init(year: 2025, month: 3, day: 9)
        var shown = 0
        for (kind, text) in Self.conversations {
            let messages = try JSONParser().parse(text)
            let conversation = Conversation(messages: messages, tools: kind == "a tool" ? try JSONParser().parse(Self.tools) : nil)
            let example: TokenizedExample
            let whole: String
            do throws(ChatError) {
                whole = try encoder.rendering(conversation, false).text
                example = try encoder.encode(conversation)
            } catch {
                // A template may refuse a conversation, and one may show it so that nothing can be
                // found; neither may pass in silence.
                switch error {
                case .template, .spanNotFound: continue
                default: throw error
                }
            }
            shown += 1
            let ids = zip(example.ids, example.isTrained)
            let trained = encoder.tokenizer.decode(ids.filter { $0.1 }.map { $0.0 }, skipSpecialTokens: false)
            let masked = encoder.tokenizer.decode(ids.filter { !$0.1 }.map { $0.0 }, skipSpecialTokens: false)
            for word in ["A one", "A two", "A more"] {
                #expect(Self.count(word, trained) == Self.count(word, whole), "\(name), \(kind): \(word) in \(trained.debugDescription)")
            }
            for word in ["U one", "U two", "S one", "T one", "W one"] {
                #expect(Self.count(word, masked) == Self.count(word, whole), "\(name), \(kind): \(word) in \(trained.debugDescription)")
            }
            for word in ["R one", "R two"] {
                #expect(Self.count(word, masked) == 0, "\(name), \(kind): \(word) in \(masked.debugDescription)")
            }
            if kind == "a tool", Self.count("Paris", whole) == 1 {
                #expect(Self.count("Paris", trained) == 1, "\(name): \(trained.debugDescription)")
            }
        }
        // The template of Hermes for tools refuses conversations without any.
        #expect(shown >= (name.contains("tool_use") ? 1 : 3), "\(name) took \(shown) conversations")
    }

    private static func count(_ word: String, _ text: String) -> Int { text.components(separatedBy: word).count - 1 }
}
