import Foundation
import JSON
import TestSupport
import Testing

@testable import Tokenization

@Suite struct AssistantMaskTests {
    /// What is trained of a conversation under a template, as texts.
    static func trained(
        _ template: ReferenceItem, _ messages: JSONNode, tools: JSONNode? = nil, trainOn: TrainedPart = .assistant
    ) throws -> [String] {
        try trained(template.text("template.jinja"), messages, tools: tools, trainOn: trainOn)
    }

    static func trained(
        _ source: String, _ messages: JSONNode, tools: JSONNode? = nil, end: String = "<|im_end|>", trainOn: TrainedPart = .assistant
    ) throws -> [String] {
        let folder = NSTemporaryDirectory() + "tala-mask-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(
            atPath: ReferenceSet.own.path("tokenizers/bpe-qwen2-regex/tokenizer.json"), toPath: folder + "/tokenizer.json")
        try Data(JSONWriter().bytes(["eos_token": JSONNode(end), "bos_token": nil])).write(
            to: URL(fileURLWithPath: folder + "/tokenizer_config.json"))
        try Data(source.utf8).write(to: URL(fileURLWithPath: folder + "/chat_template.jinja"))
        let encoder = try ChatEncoder(folder: folder)
        let example = try encoder.encode(Conversation(messages: messages, tools: tools), trainOn: trainOn)
        var runs: [[Int32]] = []
        for (index, id) in example.ids.enumerated() where example.isTrained[index] {
            if index > 0, example.isTrained[index - 1] { runs[runs.count - 1].append(id) } else { runs.append([id]) }
        }
        return runs.map { encoder.tokenizer.decode($0, skipSpecialTokens: false) }
    }

    static let twoTurns: JSONNode = [
        ["role": "user", "content": "yes"], ["role": "assistant", "content": "yes"], ["role": "user", "content": "yes"],
        ["role": "assistant", "content": "no"],
    ]

    static let chatml = ReferenceItem(.own, "templates", "chatml")

    @Test(arguments: ReferenceItem.all("templates", ["chatml", "chatml-tools", "chatml-generation", "Qwen-Qwen2.5-7B-Instruct"]))
    func eachTurnIsTrainedWithItsEndToken(template: ReferenceItem) throws {
        #expect(try Self.trained(template, Self.twoTurns) == ["yes<|im_end|>", "no<|im_end|>"])
        #expect(try Self.trained(template, Self.twoTurns, trainOn: .completion) == ["no<|im_end|>"])
    }

    @Test(arguments: ReferenceItem.all("templates", ["chatml", "chatml-generation"]))
    func aTurnOfWeightZeroIsNotTrained(template: ReferenceItem) throws {
        var messages = Self.twoTurns.array ?? []
        messages[1] = ["role": "assistant", "content": "yes", "weight": 0]
        #expect(try Self.trained(template, JSONNode(messages)) == ["no<|im_end|>"])
        messages[1] = ["role": "assistant", "content": "yes", "weight": 1]
        #expect(try Self.trained(template, JSONNode(messages)) == ["yes<|im_end|>", "no<|im_end|>"])
    }

    @Test func aConversationThatEndsWithTheUserTrainsTheTurnsBefore() throws {
        #expect(try Self.trained(Self.chatml, JSONNode((Self.twoTurns.array ?? []).prefix(3).map { $0 })) == ["yes<|im_end|>"])
    }

    @Test(arguments: ReferenceItem.all("templates", ["chatml-reasoning", "Qwen-Qwen3-0.6B"]))
    func reasoningThatTheTemplateDropsFromEarlierTurnsIsNotLookedFor(template: ReferenceItem) throws {
        let messages: JSONNode = [
            ["role": "user", "content": "a"], ["role": "assistant", "content": "<think>\none\n</think>\n\nfirst"],
            ["role": "user", "content": "b"],
            ["role": "assistant", "content": "<think>\ntwo\n</think>\n\nsecond"],
        ]
        #expect(try Self.trained(template, messages) == ["first<|im_end|>", "<think>\ntwo\n</think>\n\nsecond<|im_end|>"])
    }

    @Test(arguments: ReferenceItem.all("templates", ["chatml-tools", "chatml-reasoning", "Qwen-Qwen2.5-7B-Instruct", "Qwen-Qwen3-0.6B"]))
    func aToolCallWithArgumentsAsTextIsTrained(template: ReferenceItem) throws {
        let call: JSONNode = ["id": "c1", "type": "function", "function": ["name": "weather", "arguments": "{\"city\": \"Oslo\"}"]]
        let messages: JSONNode = [
            ["role": "user", "content": "weather?"], ["role": "assistant", "content": "", "tool_calls": [call]],
            ["role": "tool", "name": "weather", "content": "3"], ["role": "assistant", "content": "Cold."],
        ]
        let found = try Self.trained(
            template, messages, tools: [["type": "function", "function": ["name": "weather", "parameters": [:]]]])
        #expect(found.count == 2)
        #expect(
            found.first?.contains("{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}") == true
                && found.first?.hasSuffix("<|im_end|>") == true)
        #expect(found.last?.hasSuffix("Cold.<|im_end|>") == true)
    }

    @Test func aTurnThatIsAskedForOtherwiseThanItIsShownIsTrainedWhole() throws {
        // The prompt asks for reasoning, which the turns that are shown may not have.
        let template = """
            {% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}{% if m.reasoning_content %}<r>{{ m.reasoning_content }}</r>{% endif %}\
            {% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}{{ m.content + '<|im_end|>\\n' }}{% endfor %}\
            {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}
            """
        let messages: JSONNode = [
            ["role": "user", "content": "a"], ["role": "assistant", "content": "", "tool_calls": [["function": ["name": "f"]]]],
            ["role": "tool", "content": "t"], ["role": "assistant", "content": "plain"], ["role": "user", "content": "b"],
            ["role": "assistant", "content": "c", "reasoning": "why"],
        ]
        #expect(
            try Self.trained(template, messages) == [
                "[{\"function\": {\"name\": \"f\"}}]<|im_end|>", "plain<|im_end|>", "<r>why</r>c<|im_end|>",
            ])
    }

    @Test func aTemplateThatHidesTheTurnIsAnErrorThatSaysSo() {
        let template = "{% for m in messages|reverse %}{{ m.role }}{{ loop.index }}{% endfor %}{% if add_generation_prompt %}?{% endif %}"
        #expect(throws: ChatError.spanNotFound(message: 1)) { try Self.trained(template, Self.twoTurns) }
    }

    @Test func aTemplateThatShowsTheLastMessagesFirstTrainsNoOtherWords() throws {
        let template = "{% for m in messages|reverse %}[{{ m.role }}]{{ m.content }}<|im_end|>{% endfor %}"
        do {
            for run in try Self.trained(template, Self.twoTurns) { #expect(run == "yes<|im_end|>" || run == "no<|im_end|>") }
        } catch is ChatError {}
    }
}
