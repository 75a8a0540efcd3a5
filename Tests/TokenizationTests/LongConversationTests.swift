import Foundation
import JSON
import Templates
import TestSupport
import Testing

@testable import Tokenization

/// Long conversations, whose turns are found together: the same tokens and marks as when each turn is looked for alone, in time that goes by their length.
@Suite(.enabled(if: SharedData.isThere)) struct LongConversationTests {
    private static let names =
        (try? FileManager.default.contentsOfDirectory(atPath: SharedData.path("templates")))?.filter { !$0.hasSuffix(".json") }.sorted()
        ?? []

    private static func encoder(_ name: String) throws -> ChatEncoder {
        let folder = NSTemporaryDirectory() + "tala-long-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let tokenizer =
            name.hasPrefix("microsoft") || name.hasPrefix("phi") ? "phi-3" : name.contains("Llama") ? "bpe-llama3-regex" : "bpe-qwen2-regex"
        try FileManager.default.copyItem(
            atPath: SharedData.path("tokenizers/\(tokenizer)/tokenizer.json"), toPath: folder + "/tokenizer.json")
        try FileManager.default.copyItem(
            atPath: SharedData.path("templates/\(name)/template.jinja"), toPath: folder + "/chat_template.jinja")
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

    @Test(arguments: names) func turnsFoundTogetherAreThoseFoundAlone(name: String) throws {
        var alone = try Self.encoder(name)
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
        let encoder = try Self.encoder("Qwen-Qwen2.5-7B-Instruct")
        let messages = (0..<1000).flatMap { turn -> [JSONNode] in
            [
                ["role": "user", "content": JSONNode("Question \(turn) of many")],
                ["role": "assistant", "content": JSONNode("Answer \(turn)")],
            ]
        }
        let start = ContinuousClock.now
        let example = try encoder.encode(Conversation(messages: JSONNode(messages)))
        let elapsed = ContinuousClock.now - start
        // A second on a quiet machine; two renderings for each turn would take a minute.
        #expect(elapsed < .seconds(15), "\(elapsed)")
        let trained = zip(example.ids, example.isTrained).filter { $0.1 }.map { $0.0 }
        #expect(
            encoder.tokenizer.decode(trained, skipSpecialTokens: false)
                == (0..<1000).map { "Answer \($0)<|im_end|>" }.joined())
    }
}
