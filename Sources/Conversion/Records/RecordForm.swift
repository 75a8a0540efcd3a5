import JSON

/// What a JSON record looks like, and the chat record that it becomes.
enum RecordForm {
    /// `messages`, as training takes it.
    case chat
    /// A list of turns under this key: ShareGPT and its kin.
    case turns(String)
    /// ChatGPT's export: messages in a tree.
    case tree
    /// A question and an answer by these keys; `context` is read behind the question.
    case pair(question: String, answer: String, context: String?)
    /// Two texts in a list.
    case couple

    init?(_ record: JSONNode) { self.init(record, ConversionOptions()) }

    /// - Returns: nil where the record is of no known form.
    init?(_ record: JSONNode, _ options: ConversionOptions) {
        if let pair = record.array {
            guard pair.count == 2, pair.allSatisfy({ $0.string != nil }) else { return nil }
            self = .couple
            return
        }
        let keys = (record.object ?? []).map(\.key)
        func find(_ wanted: String?, _ known: [String], except taken: String? = nil) -> String? {
            if let wanted { return keys.first { $0 == wanted } }
            return known.lazy.compactMap { name in keys.first { KnownNames.folded($0) == name && $0 != taken } }.first
        }
        let isNamed = options.question != nil || options.answer != nil
        if !isNamed {
            if record["messages"]?.array != nil {
                self = .chat
                return
            }
            if record["mapping"]?.object != nil {
                self = .tree
                return
            }
            if let list = KnownNames.turnLists.first(where: { record[$0]?.array?.first?.object != nil }), record["output"] == nil {
                self = .turns(list)
                return
            }
        }
        guard let question = find(options.question, KnownNames.questions),
            let answer = find(options.answer, KnownNames.answers, except: question)
        else { return nil }
        let instruction = keys.first { $0 == "instruction" }
        if !isNamed, let instruction, record["input"] != nil, answer != "input" {
            self = .pair(question: instruction, answer: answer, context: "input")
        } else {
            self = .pair(question: question, answer: answer, context: nil)
        }
    }

    /// A record of the chat format.
    static func converted(_ record: JSONNode, _ options: ConversionOptions) throws(RecordFault) -> JSONNode {
        guard let form = RecordForm(record, options) else {
            let keys = (record.object ?? []).prefix(12).map { "\"\($0.key.prefix(40))\"" }.joined(separator: ", ")
            if record["chosen"] != nil || record["preferred_output"] != nil {
                throw RecordFault("is a preference pair, which needs no conversion", at: record)
            }
            throw RecordFault(
                record.object == nil
                    ? "is \(record.kindName), not a record"
                    : "has no question and no answer: its keys are \(keys); say which are meant with --question KEY --answer KEY",
                at: record)
        }
        switch form {
        case .chat: return record
        case .turns(let key): return try turns(record, key, options)
        case .tree: return try ChatTree(record).conversation()
        case .pair(let question, let answer, let context):
            var messages = [
                ChatMessage(role: "user", content: try text(record, question)),
                ChatMessage(role: "assistant", content: try text(record, answer)),
            ]
            if let context, let more = record[context]?.string, !more.isEmpty { messages[0].content += "\n\n" + more }
            let rule = options.system ?? KnownNames.systems.first { record[$0] != nil }
            if let rule, let words = record[rule]?.string, !words.isEmpty {
                messages.insert(ChatMessage(role: "system", content: words), at: 0)
            }
            return chat(messages)
        case .couple:
            let texts = record.array?.compactMap(\.string) ?? []
            return chat([ChatMessage(role: "user", content: texts[0]), ChatMessage(role: "assistant", content: texts[1])])
        }
    }

    private static func chat(_ messages: [ChatMessage]) -> JSONNode {
        ["messages": JSONNode(ChatMessage.joined(messages).map(\.json))]
    }

    private static func text(_ record: JSONNode, _ key: String) throws(RecordFault) -> String {
        guard let node = record[key] else { throw RecordFault("\(key): is missing", at: record) }
        guard let text = node.string else { throw RecordFault("\(key): is \(node.kindName), not a text", at: node) }
        guard !text.allSatisfy(\.isWhitespace) else { throw RecordFault("\(key): is empty", at: node) }
        return text
    }

    /// Turns with a speaker and a text, whatever those are called.
    private static func turns(_ record: JSONNode, _ key: String, _ options: ConversionOptions) throws(RecordFault) -> JSONNode {
        var messages: [ChatMessage] = []
        if let rule = record["system"]?.string ?? record["system_prompt"]?.string, !rule.isEmpty {
            messages.append(ChatMessage(role: "system", content: rule))
        }
        for (index, turn) in (record[key]?.array ?? []).enumerated() {
            let path = "\(key)[\(index)]"
            guard let speaker = KnownNames.speakers.lazy.compactMap({ turn[$0]?.string }).first else {
                throw RecordFault("\(path): names no speaker (from, role, speaker ...)", at: turn)
            }
            guard let words = KnownNames.texts.lazy.compactMap({ turn[$0]?.string }).first else {
                throw RecordFault("\(path): has no text (value, content, text ...)", at: turn)
            }
            guard let role = KnownNames.role(speaker, options.assistants) else {
                throw RecordFault(
                    "\(path): \"\(speaker.prefix(40))\" is not known as a user or an assistant: say who is the assistant with --assistant NAME",
                    at: turn)
            }
            if !words.allSatisfy(\.isWhitespace) { messages.append(ChatMessage(role: role, content: words)) }
        }
        return chat(messages)
    }
}
