import JSON

/// What is said of a file whose records have the keys of no format: the formats with their keys,
/// and which of them is meant.
enum UnknownFormat {
    static let formats =
        "messages (chat); conversations (ShareGPT); instruction, input and output (Alpaca); prompt and completion (train_on: completion); "
        + "text (method.type: pretrain)"

    static func problem(_ record: JSONNode, file: String, line: Int, isInArray: Bool) -> DatasetProblem {
        let keys = (record.object ?? []).map(\.key)
        let shown =
            keys.isEmpty
            ? "no key"
            : "the keys " + keys.prefix(12).map { String($0.prefix(40)) }.joined(separator: ", ") + (keys.count > 12 ? ", ..." : "")
        return DatasetProblem(
            kind: "missing_field", file: file, line: line, field: isInArray ? "[0].messages" : "messages", found: shown,
            expected: "the keys of one of the formats",
            "is missing, and the record has \(shown), which are those of no format; the formats are: \(formats)"
                + ((advice(keys) ?? inner(record)).map { "; " + $0 } ?? ""))
    }

    private static let questions = ["question", "query", "problem", "user", "human", "input", "source", "prompt", "instruction", "context"]
    private static let answers = ["answer", "response", "completion", "assistant", "output", "target", "reply", "solution", "gpt", "label"]
    private static let lists = ["message", "conversation", "dialog", "dialogue", "chat", "turns", "history", "messages", "conversations"]

    /// Of an object that holds the records in a list of its own, where they are.
    private static func inner(_ record: JSONNode) -> String? {
        let list = record.object?.first { member in member.node.array?.first?.object != nil }
        return list.map { "the records stand in the list \($0.key.prefix(40)): write its elements, one a line" }
    }

    /// Which format is meant, and which keys are to be renamed.
    private static func advice(_ keys: [String]) -> String? {
        func first(_ names: [String]) -> String? { names.lazy.compactMap { name in keys.first { $0.lowercased() == name } }.first }
        if let list = first(lists) {
            return "did you mean messages (\(list))?"
        }
        guard let answer = first(answers) else {
            return first(["content", "document", "body", "story"]).map { "did you mean text (\($0)), with method.type: pretrain?" }
        }
        func renamed(_ pairs: [(String, String)]) -> String {
            pairs.filter { $0.0 != $0.1 }.map { "rename \($0.0) to \($0.1)" }.joined(separator: ", ")
        }
        if let instruction = first(["instruction"]) {
            var pairs = [(instruction, "instruction"), (answer, "output")]
            if let context = first(["context", "input"]) { pairs.insert((context, "input"), at: 1) }
            return "did you mean Alpaca? \(renamed(pairs))"
        }
        guard let question = first(questions.filter { $0 != answer.lowercased() }) else { return nil }
        return
            "did you mean prompt and completion? \(renamed([(question, "prompt"), (answer, "completion")])), and set train_on: completion; "
            + "or tala data convert FILE OUT.jsonl, which makes chat lines of it"
    }
}
