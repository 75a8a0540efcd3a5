import JSON

/// The texts of control tokens in what people say.
extension ChatEncoder {
    /// Where a conversation holds the text of a special token: the JSON path and the token, the
    /// first of each text.
    package func controlTokens(in conversation: Conversation) -> [(field: String, token: String)] {
        var found: [(field: String, token: String)] = []
        // Paths are put together where something was found.
        func look(_ node: JSONNode, _ field: () -> String) {
            switch node.value {
            case .string(let text): if let token = tokenizer.specialToken(in: text) { found.append((field(), token)) }
            case .array(let elements): for (index, element) in elements.enumerated() { look(element) { "\(field())[\(index)]" } }
            case .object(let members): for member in members { look(member.node) { "\(field()).\(member.key)" } }
            default: break
            }
        }
        for (index, message) in (conversation.messages.array ?? []).enumerated() {
            for member in message.object ?? [] where member.key != "role" {
                look(member.node) {
                    conversation.path(of: index) + (member.key == "content" ? conversation.textMember : ".\(member.key)")
                }
            }
        }
        if let tools = conversation.tools { look(tools) { "tools" } }
        return found
    }

    /// Tokens of a text in which some stretches are text whatever they look like.
    ///
    /// Cut and tokenised as transformers' `apply_chat_template(sanitize_control_tokens=True)` does
    /// it: each piece behind a line end, whose tokens are then taken away, so that no space is put
    /// before it.
    /// - Parameter places: bytes of the text, in ascending order.
    func tokens(of text: String, asText places: [Range<Int>]) throws(ChatError) -> [Tokenizer.Token] {
        let bytes = Array(text.utf8)
        let lineEnd = tokenizer.encode("\n", addSpecialTokens: false)
        var result: [Tokenizer.Token] = []
        func append(_ range: Range<Int>, asText: Bool) {
            guard !range.isEmpty else { return }
            let piece = String(decoding: bytes[range], as: UTF8.self)
            var tokens =
                range.lowerBound == 0 && !asText ? [] : tokenizer.encodeWithRanges("\n" + piece, addSpecialTokens: false, asText: asText)
            var offset = range.lowerBound - 1
            if !tokens.isEmpty, tokens.map(\.id).starts(with: lineEnd) {
                tokens.removeFirst(lineEnd.count)
            } else {
                tokens = tokenizer.encodeWithRanges(piece, addSpecialTokens: false, asText: asText)
                offset = range.lowerBound
            }
            result += tokens.map { token in
                let (start, end) = (token.range.lowerBound + offset, token.range.upperBound + offset)
                return Tokenizer.Token(id: token.id, range: max(start, range.lowerBound)..<max(end, range.lowerBound))
            }
        }
        var done = 0
        for place in places {
            append(done..<place.lowerBound, asText: false)
            let first = result.count
            append(place, asText: true)
            let token = String(decoding: bytes[place], as: UTF8.self)
            if let id = tokenizer.id(of: token), result[first...].contains(where: { $0.id == id }) { throw .cannotBeText(token: token) }
            done = place.upperBound
        }
        append(done..<bytes.count, asText: false)
        return result
    }
}

/// A conversation in which the texts of special tokens are marked, so that they can be told from
/// those that the template writes.
struct ControlMarks {
    /// Characters of private use, which no text should hold.
    private static let start: Unicode.Scalar = "\u{F5C80}"
    private static let end: Unicode.Scalar = "\u{F5C81}"

    /// The conversation with marks; nil where it holds no special token.
    static func marked(_ conversation: Conversation, _ tokenizer: Tokenizer) -> Conversation? {
        var isFound = false
        func mark(_ node: JSONNode) -> JSONNode {
            switch node.value {
            case .string(let text):
                guard let marked = withMarks(text, tokenizer) else { return node }
                isFound = true
                return JSONNode(marked)
            case .array(let elements): return JSONNode(elements.map(mark))
            case .object(let members): return JSONNode(members.map { $0.key == "role" ? $0 : JSONMember($0.key, mark($0.node)) })
            default: return node
            }
        }
        var marked = conversation
        marked.messages = mark(conversation.messages)
        marked.tools = conversation.tools.map(mark)
        return isFound ? marked : nil
    }

    private static func withMarks(_ text: String, _ tokenizer: Tokenizer) -> String? {
        var rest = Substring(text)
        var marked = ""
        while let token = tokenizer.specialToken(in: String(rest)), let place = TextBytes.range(of: token, in: String(rest)) {
            let utf8 = rest.utf8
            let first = utf8.index(utf8.startIndex, offsetBy: place.lowerBound)
            let last = utf8.index(first, offsetBy: place.count)
            marked += rest[..<first]
            marked.unicodeScalars.append(start)
            marked += token
            marked.unicodeScalars.append(end)
            rest = rest[last...]
        }
        return marked.isEmpty ? nil : marked + rest
    }

    /// A rendered text without its marks, and the bytes that stood between them.
    static func unmarked(_ text: String) -> (text: String, places: [Range<Int>]) {
        var result = ""
        var places: [Range<Int>] = []
        var begin: Int?
        for scalar in text.unicodeScalars {
            if scalar == start {
                begin = result.utf8.count
            } else if scalar == end {
                if let first = begin { places.append(first..<result.utf8.count) }
                begin = nil
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return (result, places)
    }
}
