import Foundation
import JSON
import Templates
import TestSupport
import Testing

@testable import Tokenization

/// Long conversations, whose turns are found together: the same tokens and marks as when each turn
/// is looked for alone, in time that goes by their length.
@Suite struct LongConversationTests {
    private static func encoder(_ item: ReferenceItem) throws -> ChatEncoder {
        let folder = NSTemporaryDirectory() + "tala-long-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(atPath: item.fittingTokenizer, toPath: folder + "/tokenizer.json")
        try FileManager.default.copyItem(atPath: item.path("template.jinja"), toPath: folder + "/chat_template.jinja")
        try Data(#"{"bos_token": "<s>", "eos_token": "</s>"}"#.utf8).write(to: URL(fileURLWithPath: folder + "/tokenizer_config.json"))
        var encoder = try ChatEncoder(folder: folder)
        encoder.clock = .init(year: 2025, month: 3, day: 9)
        return encoder
    }

    private static func text(_ random: inout SystemRandomNumberGenerator) -> String {
        let texts = [
            "one", "the same", "  with space  ", "lines\nand more\n", "<|im_end|> x", "</s> x", "日本", "<think>\nR\n</think>\n\nA",
            "\n\nlate", "{{ x }}", "a <|end|> b",
            "assistant\nno", "<|im_start|>assistant\n",
        ]
        return texts[Int.random(in: 0..<texts.count, using: &random)]
    }

    private static func conversation(_ turns: Int, _ random: inout SystemRandomNumberGenerator, tools: Bool) -> Conversation {
        var messages: [JSONNode] = Bool.random(using: &random) ? [["role": "system", "content": JSONNode(text(&random))]] : []
        for _ in 0..<turns {
            messages.append(["role": "user", "content": JSONNode(text(&random))])
            if tools, Int.random(in: 0..<3, using: &random) == 0 {
                messages.append([
                    "role": "assistant", "content": JSONNode(Bool.random(using: &random) ? "" : text(&random)),
                    "tool_calls": [["id": "abcdefghi", "type": "function", "function": ["name": "f", "arguments": ["a": 1]]]],
                ])
                messages.append(["role": "tool", "tool_call_id": "abcdefghi", "name": "f", "content": JSONNode(text(&random))])
            }
            var answer: [JSONMember] = [JSONMember("role", "assistant"), JSONMember("content", JSONNode(text(&random)))]
            switch Int.random(in: 0..<8, using: &random) {
            case 0: answer.append(JSONMember("weight", 0))
            case 1: answer.append(JSONMember("reasoning_content", "R"))
            default: break
            }
            messages.append(JSONNode(answer))
        }
        return Conversation(messages: JSONNode(messages))
    }

    @Test(arguments: ReferenceItem.all("templates")) func turnsFoundTogetherAreThoseFoundAlone(item: ReferenceItem) throws {
        var alone = try Self.encoder(item)
        var together = alone
        (alone.fewestFramedMessages, together.fewestFramedMessages) = (.max, 1)
        var random = SystemRandomNumberGenerator()
        for round in 0..<40 {
            let conversation = Self.conversation(1 + round % 6, &random, tools: round % 2 == 1)
            let expected = try? alone.encode(conversation)
            let found = try? together.encode(conversation)
            let isSame = expected == found
            #expect(isSame, "\(JSONWriter().string(conversation.messages))")
        }
    }

    @Test func aThousandTurnsTakeLittle() throws {
        let encoder = try Self.encoder(ReferenceItem(.own, "templates", "chatml-tools"))
        let messages = (0..<1000).flatMap { turn -> [JSONNode] in
            [
                ["role": "user", "content": JSONNode("Question \(turn) of many")],
                ["role": "assistant", "content": JSONNode("Answer \(turn)")],
            ]
        }
        let start = ProcessorTime.ofThread
        let example = try encoder.encode(Conversation(messages: JSONNode(messages)))
        let seconds = ProcessorTime.ofThread - start
        // A second of this thread's work; two renderings for each turn would take a minute.
        #expect(seconds < 15, "\(seconds) s")
        let trained = zip(example.ids, example.isTrained).filter { $0.1 }.map { $0.0 }
        #expect(
            encoder.tokenizer.decode(trained, skipSpecialTokens: false)
                == (0..<1000).map { "Answer \($0)<|im_end|>" }.joined())
    }
}
