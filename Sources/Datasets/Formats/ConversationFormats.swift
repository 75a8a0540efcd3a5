import JSON
import Tokenization

/// Turns records of the conversation formats into conversations, adding to the findings what is
/// wrong with them.
enum ConversationFormats {
    /// `{"messages": [...], "tools": [...]}`.
    static func chat(_ record: JSONNode, _ findings: inout RecordFindings) -> Conversation? {
        guard let list = record["messages"] else {
            let hint: String? =
                record["prompt"] != nil && record["completion"] != nil
                ? "this is the prompt/completion format: set train_on: completion"
                : record["text"] != nil && (record["label"] ?? record["labels"]) != nil
                    ? "this is a labelled text: it is for method.type classification"
                    : record["text"] != nil ? "this is plain text: it is for method.type pretrain" : nil
            findings.missing("messages", in: record, expected: "a list of messages", hint: hint)
            return nil
        }
        let messages = MessageChecks.check(list, path: "messages", &findings)?.array
        return RecordMembers.conversation(record, messages ?? [], in: "messages", &findings).flatMap { messages == nil ? nil : $0 }
    }

    private static let speakers: [String: String] = [
        "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant", "bard": "assistant",
        "bing": "assistant", "model": "assistant", "system": "system", "tool": "tool", "observation": "tool", "function_call": "assistant",
    ]

    /// `{"conversations": [{"from", "value"}, ...]}`, also with `system` and `tools` beside the
    /// list.
    static func shareGPT(_ record: JSONNode, _ findings: inout RecordFindings) -> Conversation? {
        guard let list = record["conversations"] else {
            findings.missing("conversations", in: record, expected: "a list of turns")
            return nil
        }
        guard let turns = list.array else {
            findings.wrongType("conversations", list, expected: "a list of turns")
            return nil
        }
        guard !turns.isEmpty else {
            findings.add("empty_field", "conversations", at: list, found: "an empty list", expected: "at least one turn", "is empty")
            return nil
        }
        // Files with role and content under this name are common too.
        if turns.contains(where: { $0["role"] != nil && $0["from"] == nil }) {
            let messages = MessageChecks.check(list, path: "conversations", &findings)?.array
            return RecordMembers.conversation(record, messages ?? [], in: "conversations", &findings).flatMap { messages == nil ? nil : $0 }
        }
        let before = findings.problems.count
        var messages: [JSONNode] = []
        for (index, turn) in turns.enumerated() {
            if let message = shareGPTTurn(turn, "conversations[\(index)]", &findings) { messages.append(message) }
        }
        if findings.problems.count == before, !messages.contains(where: { $0["role"]?.string == "assistant" && $0["weight"]?.double != 0 })
        {
            findings.add(
                "no_assistant", "conversations", at: list, found: "no turn of gpt", expected: "a turn of gpt to learn from",
                "holds no turn of gpt to learn from")
        }
        var conversation = RecordMembers.conversation(record, messages, in: "conversations", &findings)
        conversation?.textMember = ".value"
        return findings.problems.count == before ? conversation : nil
    }

    private static func shareGPTTurn(_ turn: JSONNode, _ path: String, _ findings: inout RecordFindings) -> JSONNode? {
        guard turn.object != nil else {
            findings.wrongType(path, turn, expected: "an object with from and value")
            return nil
        }
        var role: String?
        if let from = turn["from"] {
            if let name = from.string {
                role = speakers[name.lowercased()]
                if role == nil {
                    findings.add(
                        "unknown_role", path + ".from", at: from, found: "\"\(name.prefix(40))\"",
                        expected: "one of human, gpt, system, tool",
                        "\"\(name.prefix(40))\" is not one of human, gpt, system, tool")
                }
            } else {
                findings.wrongType(path + ".from", from, expected: "a string")
            }
        } else {
            findings.missing(path + ".from", in: turn, expected: "one of human, gpt, system, tool")
        }
        guard let value = turn["value"] else {
            findings.missing(path + ".value", in: turn, expected: "a string")
            return nil
        }
        guard let text = value.string else {
            findings.wrongType(path + ".value", value, expected: "a string")
            return nil
        }
        if text.isEmpty, role == "user" || role == "assistant" {
            findings.add("empty_field", path + ".value", at: value, found: "an empty string", expected: "some text", "is empty")
        }
        guard let role else { return nil }
        var members = [JSONMember("role", JSONNode(role)), JSONMember("content", JSONNode(text))]
        if turn["from"]?.string == "function_call" {
            let parsed = try? JSONParser().parse(text)
            let calls = parsed?.array ?? parsed.map { [$0] } ?? []
            guard !calls.isEmpty, calls.allSatisfy({ $0["name"]?.string != nil }) else {
                findings.add(
                    "invalid_value", path + ".value", at: value, found: "a text", expected: #"JSON: {"name": ..., "arguments": {...}}"#,
                    #"is no call: a turn of function_call holds JSON, {"name": ..., "arguments": {...}}, or a list of such"#)
                return nil
            }
            members = [
                JSONMember("role", "assistant"), JSONMember("content", ""),
                JSONMember("tool_calls", JSONNode(calls.map { ["type": "function", "function": JSONNode($0.value)] })),
            ]
        }
        if let weight = turn["weight"], !weight.isNull {
            if MessageChecks.checkWeight(weight, isOfAssistant: role == "assistant", path + ".weight", &findings) {
                members.append(JSONMember("weight", weight))
            }
        }
        return JSONNode(.object(members), offset: turn.offset)
    }

    /// `{"instruction", "input", "output"}`, also with `system` and `history` (pairs of question
    /// and answer).
    static func alpaca(_ record: JSONNode, _ findings: inout RecordFindings) -> Conversation? {
        let before = findings.problems.count
        let instruction = findings.requiredText("instruction", in: record)
        let output = findings.requiredText("output", in: record)
        var optional: [String: String] = [:]
        for key in ["input", "system"] {
            guard let value = record[key], !value.isNull else { continue }
            if let text = value.string { optional[key] = text } else { findings.wrongType(key, value, expected: "a string") }
        }
        var messages: [JSONNode] = []
        var paths: [String] = []
        if let system = optional["system"], !system.isEmpty {
            messages.append(["role": "system", "content": JSONNode(system)])
            paths.append("system")
        }
        if let history = record["history"], !history.isNull {
            guard let pairs = history.array else {
                findings.wrongType("history", history, expected: "a list of pairs")
                return nil
            }
            for (index, pair) in pairs.enumerated() {
                guard let texts = pair.array, texts.count == 2, let question = texts[0].string, let answer = texts[1].string else {
                    findings.wrongType("history[\(index)]", pair, expected: "a pair of texts")
                    continue
                }
                messages += [["role": "user", "content": JSONNode(question)], ["role": "assistant", "content": JSONNode(answer)]]
                paths += ["history[\(index)][0]", "history[\(index)][1]"]
            }
        }
        guard findings.problems.count == before, let instruction, let output else { return nil }
        let input = optional["input"] ?? ""
        messages += [
            ["role": "user", "content": JSONNode(input.isEmpty ? instruction : instruction + "\n\n" + input)],
            ["role": "assistant", "content": JSONNode(output)],
        ]
        var conversation = Conversation(messages: JSONNode(messages))
        (conversation.paths, conversation.textMember) = (paths + ["instruction", "output"], "")
        return conversation
    }
}
