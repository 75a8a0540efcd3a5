import Basics
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

    private static let seed = ProcessInfo.processInfo.environment["TALA_SEED"].flatMap { UInt64($0) } ?? 20_261_129

    private static func text(_ random: inout SplitMix64) -> String {
        let texts = [
            "one", "the same", "  with space  ", "lines\nand more\n", "<|im_end|> x", "</s> x", "日本", "<think>\nR\n</think>\n\nA",
            "\n\nlate", "{{ x }}", "a <|end|> b",
            "assistant\nno", "<|im_start|>assistant\n",
        ]
        return texts[Int.random(in: 0..<texts.count, using: &random)]
    }

    private static func conversation(_ turns: Int, _ random: inout SplitMix64, tools: Bool) -> Conversation {
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
        // Every template gets the same conversations, and every run: TALA_SEED draws others.
        let seed = Self.seed
        var random = SplitMix64(seed: seed)
        for round in 0..<40 {
            let conversation = Self.conversation(1 + round % 6, &random, tools: round % 2 == 1)
            let expected = try? alone.encode(conversation)
            let found = try? together.encode(conversation)
            let isSame = expected == found
            #expect(isSame, "TALA_SEED=\(seed), round \(round): \(JSONWriter().string(conversation.messages))")
        }
    }

    /// The prompt asks for the answer with a sign that is unknown to the tokenizer, and the answer
    /// is shown with two others: what both have in common ends inside of the second one.
    @Test func aTurnThatBeginsInsideOfACharacterEndsWithItsEndToken() throws {
        let folder = NSTemporaryDirectory() + "tala-cut-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let letters = ["<unk>"] + Set("U:q\nA:R|answer").map(String.init).sorted()
        let tokenizer: JSONNode = [
            "model": [
                "type": "BPE", "unk_token": "<unk>", "merges": [],
                "vocab": JSONNode(letters.enumerated().map { JSONMember($0.element, JSONNode($0.offset)) }),
            ],
            "added_tokens": [
                [
                    "id": JSONNode(letters.count), "content": "<|im_end|>", "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true,
                ]
            ],
        ]
        let template = """
            {% for m in messages %}{% if m.role == 'assistant' %}A:é日{{ m.reasoning_content }}|{{ m.content }}<|im_end|>
            {% else %}U:{{ m.content }}
            {% endif %}{% endfor %}{% if add_generation_prompt %}A:日{% endif %}
            """
        for (file, text) in [
            ("tokenizer.json", JSONWriter().string(tokenizer)), ("chat_template.jinja", template),
            ("tokenizer_config.json", #"{"eos_token": "<|im_end|>"}"#),
        ] { try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + file)) }
        let encoder = try ChatEncoder(folder: folder)
        let answer: JSONNode = ["role": "assistant", "reasoning_content": "R", "content": "answer"]
        let question: JSONNode = ["role": "user", "content": "q"]
        for messages in [[question, answer], [question, answer, question, answer]] {
            let example = try encoder.encode(Conversation(messages: JSONNode(messages)))
            let trained = zip(example.ids, example.isTrained).filter(\.1).map { encoder.tokenizer.token(of: $0.0) ?? "" }
            let turn = ["<unk>"] + "R|answer".map(String.init) + ["<|im_end|>"]
            #expect(trained == Array(repeating: turn, count: messages.count / 2).flatMap { $0 })
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
        func steps(_ messages: [JSONNode]) throws -> Int {
            var counted = encoder
            let counter = TemplateStepCounter()
            counted.stepCounter = counter
            _ = try counted.encode(Conversation(messages: JSONNode(messages)))
            return counter.count
        }
        let example = try encoder.encode(Conversation(messages: JSONNode(messages)))
        // Two renderings for each turn would take ten times ten as many steps as for a tenth of
        // the turns.
        let (few, all) = (try steps(Array(messages.prefix(200))), try steps(messages))
        #expect(all < 12 * few, "\(few) steps of the template for 100 turns, \(all) for 1000")
        let trained = zip(example.ids, example.isTrained).filter { $0.1 }.map { $0.0 }
        #expect(
            encoder.tokenizer.decode(trained, skipSpecialTokens: false)
                == (0..<1000).map { "Answer \($0)<|im_end|>" }.joined())
    }
}
