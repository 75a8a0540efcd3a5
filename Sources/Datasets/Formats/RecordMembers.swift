import JSON
import Tokenization

/// What a record of a conversation holds beside its messages and tools.
enum RecordMembers {
    private static let media = ["image", "images", "video", "videos", "audio", "audios"]
    private static let ownVariables: Set<String> = ["messages", "tools", "documents", "add_generation_prompt"]

    /// A system text beside the list of messages, as Anthropic's format has it; nil where there is
    /// none.
    static func system(_ record: JSONNode, _ findings: inout RecordFindings) -> (key: String, text: String)? {
        for key in ["system", "system_prompt"] {
            guard let value = record[key], !value.isNull else { continue }
            guard let text = value.string else {
                findings.wrongType(key, value, expected: "a string")
                continue
            }
            if !text.isEmpty { return (key, text) }
        }
        return nil
    }

    /// A conversation from checked messages, with what else its record says.
    /// - Parameter list: the member that holds the messages.
    static func conversation(_ record: JSONNode, _ messages: [JSONNode], in list: String, _ findings: inout RecordFindings) -> Conversation?
    {
        let before = findings.problems.count
        var messages = messages
        var paths: [String] = []
        if let (key, text) = system(record, &findings) {
            if messages.first?["role"]?.string == "system" {
                findings.add(
                    "invalid_value", key, at: record[key], found: "a system text beside a system message", expected: "one of the two",
                    "stands beside the system message \(list)[0]: join the two")
            }
            messages.insert(["role": "system", "content": JSONNode(text)], at: 0)
            paths = [key]
        }
        var conversation = Conversation(messages: JSONNode(messages), tools: ToolChecks.tools(record, &findings))
        (conversation.list, conversation.paths) = (list, paths)
        conversation.variables = variables(record, &findings)
        return findings.problems.count == before ? conversation : nil
    }

    /// Further variables of the template: `documents`, and those that TRL takes from
    /// `chat_template_kwargs`.
    private static func variables(_ record: JSONNode, _ findings: inout RecordFindings) -> JSONNode? {
        var members: [JSONMember] = []
        if let documents = record["documents"], !documents.isNull {
            if let elements = documents.array, elements.allSatisfy({ $0.object != nil }) {
                if !elements.isEmpty { members.append(JSONMember("documents", documents)) }
            } else {
                findings.wrongType("documents", documents, expected: "a list of objects with title and text")
            }
        }
        if let further = record["chat_template_kwargs"], !further.isNull {
            if let object = further.object {
                for member in object where ownVariables.contains(member.key) {
                    findings.add(
                        "invalid_value", "chat_template_kwargs.\(member.key)", at: member.node, found: member.key,
                        expected: "variables of the template's own", "\(member.key) is given by the record itself")
                }
                members += object
            } else {
                findings.wrongType("chat_template_kwargs", further, expected: "an object of the template's variables")
            }
        }
        for key in media {
            guard let value = record[key], !value.isNull, value.array?.isEmpty != true else { continue }
            findings.add(
                "invalid_value", key, at: value, found: key, expected: "text alone",
                "holds something other than text, which cannot be trained on")
        }
        return members.isEmpty ? nil : JSONNode(members)
    }
}
