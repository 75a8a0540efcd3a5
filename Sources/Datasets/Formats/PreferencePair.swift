import JSON
import Tokenization

/// A prompt with two answers, as a record says it.
struct PreferencePair {
    /// One of the two answers behind the prompt.
    enum Answer {
        case texts(prompt: String, completion: String)
        /// What the assistant says behind the prompt is the answer; in it, nothing is trained.
        case conversation(Conversation)
    }
    var preferred: Answer
    var other: Answer
    /// The field of the other answer.
    var otherField: String

    /// `{"input": {"messages", "tools"}, "preferred_output": [...], "non_preferred_output":
    /// [...]}`.
    static func outputs(_ record: JSONNode, _ findings: inout RecordFindings) -> PreferencePair? {
        let before = findings.problems.count
        var prompt: [JSONNode] = []
        if let input = record["input"] {
            if input.object == nil {
                findings.wrongType("input", input, expected: "an object with messages")
            } else if let messages = input["messages"] {
                prompt = MessageChecks.check(messages, path: "input.messages", needsAssistant: false, &findings)?.array ?? []
            } else {
                findings.missing("input.messages", in: input, expected: "a list of messages")
            }
        } else {
            findings.missing("input", in: record, expected: "an object with messages")
        }
        var answers: [[JSONNode]] = []
        let keys = ["preferred_output", "non_preferred_output"]
        for key in keys {
            guard let list = record[key] else {
                findings.missing(key, in: record, expected: "a list of messages")
                continue
            }
            answers.append(MessageChecks.check(list, path: key, &findings)?.array ?? [])
        }
        checkDifference(record[keys[0]], record[keys[1]], keys[1], &findings)
        let tools = record["input"].flatMap { ToolChecks.tools($0, &findings) }
        guard findings.problems.count == before, answers.count == 2 else { return nil }
        func answer(_ index: Int) -> Answer {
            .conversation(conversation(prompt, in: "input.messages", answers[index], in: keys[index], tools))
        }
        return PreferencePair(preferred: answer(0), other: answer(1), otherField: keys[1])
    }

    /// `{"prompt", "chosen", "rejected"}`: texts, or lists of messages. Without a prompt, it is
    /// what both answers begin with; lists of messages may repeat it.
    static func chosen(_ record: JSONNode, _ findings: inout RecordFindings) -> PreferencePair? {
        let before = findings.problems.count
        for key in ["prompt", "chosen", "rejected"] {
            guard let value = record[key] else {
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
        let tools = ToolChecks.tools(record, &findings)
        guard findings.problems.count == before, let chosen = record["chosen"], let rejected = record["rejected"] else { return nil }
        if let better = chosen.string, let worse = rejected.string {
            return texts(record["prompt"], better, worse, rejected, &findings)
        }
        return messages(record["prompt"], chosen, rejected, tools, &findings)
    }

    private static func texts(
        _ prompt: JSONNode?, _ better: String, _ worse: String, _ rejected: JSONNode, _ findings: inout RecordFindings
    ) -> PreferencePair? {
        if let list = prompt, list.array != nil {
            findings.wrongType("prompt", list, expected: "a text, as chosen is")
            return nil
        }
        if let prompt = prompt?.string {
            return PreferencePair(
                preferred: .texts(prompt: prompt, completion: better), other: .texts(prompt: prompt, completion: worse),
                otherField: "rejected")
        }
        // What both begin with, up to the end of a word.
        let common = zip(better, worse).prefix { $0 == $1 }.map(\.0)
        let start = (common.lastIndex { $0.isWhitespace } ?? -1) + 1
        guard start > 0 else {
            findings.add(
                "prompt_differs", "rejected", at: rejected, found: "two texts without a common beginning", expected: "one prompt for both",
                "does not begin as chosen does: both must begin with the prompt, or it must stand under prompt")
            return nil
        }
        let given = String(common.prefix(start))
        return PreferencePair(
            preferred: .texts(prompt: given, completion: String(better.dropFirst(start))),
            other: .texts(prompt: given, completion: String(worse.dropFirst(start))), otherField: "rejected")
    }

    private static func messages(
        _ prompt: JSONNode?, _ chosen: JSONNode, _ rejected: JSONNode, _ tools: JSONNode?, _ findings: inout RecordFindings
    ) -> PreferencePair? {
        // These were checked: what they warned of is said already.
        var silent = findings
        let lists = [("chosen", chosen), ("rejected", rejected)].map { key, list in
            MessageChecks.check(list, path: key, &silent)?.array ?? []
        }
        let given = prompt.flatMap {
            $0.array == nil ? nil : MessageChecks.check($0, path: "prompt", needsAssistant: false, &silent)?.array
        }
        let writer = JSONWriter()
        func areSame(_ left: JSONNode, _ right: JSONNode) -> Bool { writer.bytes(left) == writer.bytes(right) }
        var common = zip(lists[0], lists[1]).prefix { areSame($0, $1) }.map(\.0)
        var (beginning, path) = (given ?? [], "prompt")
        var skipped = 0
        if let given {
            // Some files repeat the prompt in front of each answer.
            if !given.isEmpty, common.count >= given.count, zip(given, common).allSatisfy(areSame) { skipped = given.count }
        } else {
            // An answer begins with the assistant; what they say alike in it is a part of both.
            while let last = common.last, last["role"]?.string == "assistant", common.count == min(lists[0].count, lists[1].count) {
                common.removeLast()
            }
            (beginning, path, skipped) = (common, "chosen", common.count)
        }
        for (index, list) in lists.enumerated() {
            guard let first = list.dropFirst(skipped).first, first["role"]?.string != "assistant", first["role"]?.string != "tool" else {
                continue
            }
            let key = index == 0 ? "chosen" : "rejected"
            findings.add(
                "prompt_differs", "\(key)[\(skipped)]", at: list[skipped], found: "another prompt", expected: "one prompt for both answers",
                "is no answer: the prompt of \(key) differs from that of \(index == 0 ? "rejected" : "chosen")"
                    + (given == nil ? "" : ", or from prompt"))
            return nil
        }
        guard !beginning.isEmpty else {
            findings.add(
                "prompt_differs", "rejected", at: rejected, found: "two lists without a common beginning", expected: "one prompt for both",
                "does not begin as chosen does: both must begin with the prompt, or it must stand under prompt")
            return nil
        }
        func answer(_ index: Int, _ key: String) -> Answer {
            var made = conversation(beginning, in: path, Array(lists[index].dropFirst(skipped)), in: key, tools)
            made.paths = beginning.indices.map { "\(path)[\($0)]" } + lists[index].indices.dropFirst(skipped).map { "\(key)[\($0)]" }
            return .conversation(made)
        }
        return PreferencePair(preferred: answer(0, "chosen"), other: answer(1, "rejected"), otherField: "rejected")
    }

    /// A conversation of which only the answer is trained: what the assistant says in the prompt is
    /// given.
    private static func conversation(
        _ prompt: [JSONNode], in promptPath: String, _ answer: [JSONNode], in answerPath: String, _ tools: JSONNode?
    ) -> Conversation {
        var conversation = Conversation(messages: JSONNode(prompt.map(PairFormats.given) + answer), tools: tools)
        conversation.paths = prompt.indices.map { "\(promptPath)[\($0)]" } + answer.indices.map { "\(answerPath)[\($0)]" }
        return conversation
    }

    private static func checkDifference(_ better: JSONNode?, _ worse: JSONNode?, _ field: String, _ findings: inout RecordFindings) {
        guard let better, let worse, !better.isNull else { return }
        let writer = JSONWriter()
        if writer.bytes(better) == writer.bytes(worse) { addSame(field, worse, &findings) }
    }

    /// Says that the answers do not differ.
    static func addSame(_ field: String, _ node: JSONNode?, _ findings: inout RecordFindings) {
        findings.add(
            "invalid_value", field, at: node, found: "the same answer twice", expected: "two different answers",
            "is the same as the preferred one: there is nothing to prefer")
    }
}
