import JSON
import Tokenization

/// What a prompt/completion record says.
enum PromptCompletion {
    case texts(prompt: String, completion: String)
    /// The completion's messages are what is trained.
    case conversation(Conversation)
}

/// Records of two parts: prompt and completion.
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
        let prompt = lists[0].map(given)
        var conversation = Conversation(messages: JSONNode(prompt + lists[1]), tools: tools)
        conversation.paths = prompt.indices.map { "prompt[\($0)]" } + lists[1].indices.map { "completion[\($0)]" }
        return .conversation(conversation)
    }

    /// A message of a prompt: what the assistant says in it is given, not learned.
    static func given(_ message: JSONNode) -> JSONNode {
        guard message["role"]?.string == "assistant", let members = message.object else { return message }
        return JSONNode(members.filter { $0.key != "weight" } + [JSONMember("weight", 0)])
    }
}
