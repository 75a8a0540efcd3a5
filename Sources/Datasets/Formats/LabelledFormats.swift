import JSON
import Tokenization

/// Records with labels: `{"text", "label"}` and `{"messages", "label"}`, or `labels` with a list.
enum LabelledFormats {
    static func text(_ record: JSONNode, _ findings: inout RecordFindings) -> String? {
        guard record["text"] != nil || record["messages"] == nil else {
            findings.missing(
                "text", in: record, expected: "a string", hint: "the file's first records have text, this one has messages: use one form")
            return nil
        }
        guard let text = findings.requiredText("text", in: record), !text.isEmpty else { return nil }
        return text
    }

    /// A conversation of any turns: nothing in it has to be learned.
    static func conversation(_ record: JSONNode, _ findings: inout RecordFindings) -> Conversation? {
        guard let list = record["messages"] else {
            let hint = record["text"] == nil ? nil : "the file's first records have messages, this one has text: use one form"
            findings.missing("messages", in: record, expected: "a list of messages", hint: hint)
            return nil
        }
        let messages = MessageChecks.check(list, path: "messages", needsAssistant: false, &findings)?.array
        return RecordMembers.conversation(record, messages ?? [], in: "messages", &findings).flatMap { messages == nil ? nil : $0 }
    }
}
