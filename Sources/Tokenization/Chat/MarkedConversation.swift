import JSON

/// A conversation with a word of its own in the place of everything that it says, so that one can
/// look which of it a template shows.
struct MarkedConversation {
    /// One word and what it stands for.
    struct Mark: Sendable, Hashable {
        enum Kind: Sendable, Hashable {
            case content
            /// What the assistant thinks before it answers: in a member of its own, or between
            /// `<think>` and `</think>` in its text.
            case reasoning
            case speakerName
            case callName(call: Int)
            case argument(call: Int)
            case toolName(tool: Int)
            case parameter(tool: Int)
            case description(tool: Int)
            case document
            /// Another member of a message.
            case other(key: String)
        }
        var kind: Kind
        /// The message's place; nil for tools and documents.
        var message: Int?
        var word: String
    }
    private(set) var conversation: Conversation
    private(set) var marks: [Mark] = []

    /// - Parameter conversation: one whose messages were checked.
    init(_ conversation: Conversation) {
        self.conversation = conversation
        conversation.messages.array.map { elements in
            self.conversation.messages = JSONNode(elements.enumerated().map { marked($1, at: $0) })
        }
        conversation.tools?.array.map { elements in
            self.conversation.tools = JSONNode(elements.enumerated().map { marked(tool: $1, $0) })
        }
        if let members = conversation.variables?.object {
            self.conversation.variables = JSONNode(
                members.map { member in
                    guard member.key == "documents" else { return member }
                    return JSONMember(member.key, leaves(member.node, .document, nil))
                })
        }
    }

    private mutating func word(_ kind: Mark.Kind, _ message: Int?) -> String {
        let digits = String(marks.count)
        let word = "Kqv7Xw" + String(repeating: "0", count: max(0, 6 - digits.utf8.count)) + digits + "b"
        marks.append(Mark(kind: kind, message: message, word: word))
        return word
    }

    /// A number that stands nowhere else, whose digits are the word.
    private mutating func number(_ kind: Mark.Kind) -> Int {
        let number = 730_000_000_000 + marks.count
        marks.append(Mark(kind: kind, message: nil, word: String(number)))
        return number
    }

    /// Members of a message that are known to have no words of their own.
    private static let silentKeys: Set<String> = ["role", "weight", "tool_call_id", "type", "id"]

    private mutating func marked(_ message: JSONNode, at index: Int) -> JSONNode {
        guard let members = message.object else { return message }
        let reasoningKey = ConversationForm.reasoningNames.first { message[$0]?.string?.isEmpty == false }
        let isToolResult = message["role"]?.string == "tool"
        var changed: [JSONMember] = []
        for member in members {
            var node = member.node
            switch member.key {
            case "content": if let text = node.string { node = JSONNode(content(text, index)) }
            case "tool_calls":
                node = JSONNode((node.array ?? []).enumerated().map { marked(call: $1, $0, of: index) })
            // Of a tool's result the name repeats that of the call.
            case "name": if !isToolResult, node.string?.isEmpty == false { node = JSONNode(word(.speakerName, index)) }
            case let key where key == reasoningKey: node = JSONNode(word(.reasoning, index))
            case let key where ConversationForm.reasoningNames.contains(key) || Self.silentKeys.contains(key): break
            default: node = leaves(node, .other(key: member.key), index)
            }
            changed.append(JSONMember(member.key, node))
        }
        return JSONNode(changed)
    }

    /// A text in other words; what templates look for in it stays.
    private mutating func content(_ text: String, _ index: Int) -> String {
        if text.allSatisfy(\.isWhitespace) { return text }
        if let end = TextBytes.range(of: "</think>", in: text) {
            let before = String(decoding: Array(text.utf8)[..<end.lowerBound], as: UTF8.self)
            let behind = String(decoding: Array(text.utf8)[end.upperBound...], as: UTF8.self)
            let opens = TextBytes.range(of: "<think>", in: before) != nil
            let hasReasoning = before.contains { !$0.isWhitespace } && !before.hasSuffix("<think>")
            let thought = hasReasoning ? word(.reasoning, index) : ""
            let words = behind.contains { !$0.isWhitespace } ? word(.content, index) : ""
            return (opens ? "<think>\n" : "") + thought + "\n</think>\n\n" + words
        }
        let response = (open: "<tool_response>", close: "</tool_response>")
        let words = word(.content, index)
        return text.hasPrefix(response.open) && text.hasSuffix(response.close) ? "\(response.open)\n\(words)\n\(response.close)" : words
    }

    private mutating func marked(call: JSONNode, _ place: Int, of index: Int) -> JSONNode {
        guard let members = call.object else { return call }
        return JSONNode(
            members.map { member in
                switch member.key {
                case "function": return JSONMember("function", marked(call: member.node, place, of: index))
                case "name" where member.node.string != nil: return JSONMember("name", JSONNode(word(.callName(call: place), index)))
                case "arguments":
                    if let text = member.node.string {
                        guard let parsed = try? JSONParser().parse(text) else { return member }
                        return JSONMember("arguments", JSONNode(PythonJSON.text(leaves(parsed, .argument(call: place), index))))
                    }
                    return JSONMember("arguments", leaves(member.node, .argument(call: place), index))
                default: return member
                }
            })
    }

    private mutating func marked(tool: JSONNode, _ place: Int) -> JSONNode {
        guard let members = tool.object else { return tool }
        return JSONNode(
            members.map { member in
                switch member.key {
                case "function" where member.node.object != nil: return JSONMember("function", marked(tool: member.node, place))
                case "name" where member.node.string != nil: return JSONMember("name", JSONNode(word(.toolName(tool: place), nil)))
                case "description" where member.node.string?.isEmpty == false:
                    return JSONMember("description", JSONNode(word(.description(tool: place), nil)))
                case "parameters": return JSONMember("parameters", marked(schema: member.node, place))
                default: return member
                }
            })
    }

    /// A JSON schema with other names of its properties, also where they are required.
    private mutating func marked(schema: JSONNode, _ place: Int) -> JSONNode {
        guard let members = schema.object else { return schema }
        var names: [String: String] = [:]
        for member in schema["properties"]?.object ?? [] { names[member.key] = word(.parameter(tool: place), nil) }
        return JSONNode(
            members.map { member in
                switch member.key {
                case "properties" where member.node.object != nil:
                    let properties = member.node.object ?? []
                    return JSONMember(
                        "properties",
                        JSONNode(properties.map { JSONMember(names[$0.key] ?? $0.key, marked(schema: $0.node, place)) }))
                case "required":
                    guard let elements = member.node.array else { return member }
                    return JSONMember("required", JSONNode(elements.map { $0.string.flatMap { names[$0] }.map { JSONNode($0) } ?? $0 }))
                case "items": return JSONMember("items", marked(schema: member.node, place))
                case "description" where member.node.string?.isEmpty == false:
                    return JSONMember("description", JSONNode(word(.description(tool: place), nil)))
                default: return member
                }
            })
    }

    /// A value with words in the places of its texts and numbers.
    private mutating func leaves(_ node: JSONNode, _ kind: Mark.Kind, _ index: Int?) -> JSONNode {
        switch node.value {
        case .string: return JSONNode(word(kind, index))
        case .integer:
            let number = number(kind)
            marks[marks.count - 1].message = index
            return JSONNode(number)
        case .array(let elements): return JSONNode(elements.map { leaves($0, kind, index) })
        case .object(let members): return JSONNode(members.map { JSONMember($0.key, leaves($0.node, kind, index)) })
        default: return node
        }
    }
}
