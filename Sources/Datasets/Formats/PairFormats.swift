import JSON
import Tokenization

/// What a prompt/completion record says.
enum PromptCompletion {
    case texts(prompt: String, completion: String)
    /// The completion's messages are what is trained.
    case conversation(Conversation)
}

/// Records of two parts: prompt and completion, chosen and rejected.
enum PairFormats {
    /// `{"prompt", "completion"}`: two texts, or two lists of messages.
    static func completion(_ record: JSONNode, _ findings: inout RecordFindings) -> PromptCompletion? {
        if record["prompt"]?.array != nil || record["completion"]?.array != nil { return messages(record, &findings) }
        let prompt = findings.requiredText("prompt", in: record, mayBeEmpty: true)
        let completion = findings.requiredText("completion", in: record)
        guard let prompt, let completion, !completion.isEmpty else { return nil }
        return .texts(prompt: prompt, completion: completion)
    }

    private static func messages(_ record: JSONNode, _ findings: inout RecordFindings) -> PromptCompletion? {
        let before = findings.problems.count
        var lists: [[JSONNode]] = []
        for key in ["prompt", "completion"] {
            guard let list = record[key] else {
                findings.missing(key, in: record, expected: "a list of messages")
                continue
            }
            if let checked = MessageChecks.check(list, path: key, needsAssistant: key == "completion", &findings)?.array {
                lists.append(checked)
            }
        }
        let tools = ToolChecks.tools(record, &findings)
        guard findings.problems.count == before, lists.count == 2 else { return nil }
        // What the assistant says in the prompt is given, not learned.
        let prompt = lists[0].map { message in
            guard message["role"]?.string == "assistant", let members = message.object else { return message }
            return JSONNode(members.filter { $0.key != "weight" } + [JSONMember("weight", 0)])
        }
        var conversation = Conversation(messages: JSONNode(prompt + lists[1]), tools: tools)
        conversation.paths = prompt.indices.map { "prompt[\($0)]" } + lists[1].indices.map { "completion[\($0)]" }
        return .conversation(conversation)
    }

    /// `{"input": {"messages"}, "preferred_output": [...], "non_preferred_output": [...]}`.
    static func preference(_ record: JSONNode, _ findings: inout RecordFindings) {
        if let input = record["input"] {
            if input.object == nil {
                findings.wrongType("input", input, expected: "an object with messages")
            } else if let messages = input["messages"] {
                _ = MessageChecks.check(messages, path: "input.messages", needsAssistant: false, &findings)
            } else {
                findings.missing("input.messages", in: input, expected: "a list of messages")
            }
        } else {
            findings.missing("input", in: record, expected: "an object with messages")
        }
        for key in ["preferred_output", "non_preferred_output"] {
            guard let list = record[key] else {
                findings.missing(key, in: record, expected: "a list of messages")
                continue
            }
            _ = MessageChecks.check(list, path: key, &findings)
        }
        checkDifference(record["preferred_output"], record["non_preferred_output"], "non_preferred_output", &findings)
    }

    /// `{"prompt", "chosen", "rejected"}`.
    static func pair(_ record: JSONNode, _ findings: inout RecordFindings) {
        for key in ["prompt", "chosen", "rejected"] {
            guard let value = record[key] else {
                // The prompt may be the common beginning of both.
                if key != "prompt" { findings.missing(key, in: record, expected: "a text or a list of messages") }
                continue
            }
            if value.array != nil {
                _ = MessageChecks.check(value, path: key, needsAssistant: key != "prompt", &findings)
            } else if let text = value.string {
                if text.isEmpty, key != "prompt" {
                    findings.add("empty_field", key, at: value, found: "an empty string", expected: "some text", "is empty")
                }
            } else {
                findings.wrongType(key, value, expected: "a text or a list of messages")
            }
        }
        if let chosen = record["chosen"], let rejected = record["rejected"], (chosen.array == nil) != (rejected.array == nil) {
            findings.wrongType(
                "rejected", rejected, expected: chosen.array == nil ? "a text, as chosen is" : "a list of messages, as chosen is")
        }
        checkDifference(record["chosen"], record["rejected"], "rejected", &findings)
    }

    private static func checkDifference(_ better: JSONNode?, _ worse: JSONNode?, _ field: String, _ findings: inout RecordFindings) {
        guard let better, let worse, !better.isNull else { return }
        let writer = JSONWriter()
        if writer.bytes(better) == writer.bytes(worse) {
            findings.add(
                "invalid_value", field, at: worse, found: "the same answer twice", expected: "two different answers",
                "is the same as the preferred one: there is nothing to prefer")
        }
    }
}
