import JSON

/// Looks for the words of a conversation in its rendered text, line by line of a file: what a
/// template does with one text and not with another, such as leaving out what stands before a mark
/// in it, no rendering of other words can tell.
package enum ShownText {
    /// A text of which a part does not stand in the rendered text as it is.
    package struct Change: Sendable, Hashable {
        package var message: Int
        /// The path within the message, with a period before it; nil for the message's text.
        package var field: String?
        /// The first line that is not there.
        package var missing: String
    }

    static func changes(of conversation: Conversation, in whole: String, except known: Set<Int>) -> [Change] {
        var changes: [Change] = []
        var position = 0
        for (index, message) in (conversation.messages.array ?? []).enumerated() where !known.contains(index) {
            if let text = message["content"]?.string, let missing = missing(text, in: whole, &position) {
                changes.append(Change(message: index, field: nil, missing: missing))
            }
            for (place, call) in (message["tool_calls"]?.array ?? []).enumerated() {
                guard let arguments = (call["function"] ?? call)["arguments"] else { continue }
                let parsed = arguments.string.map { try? JSONParser().parse($0) } ?? arguments
                if let missing = parsed.flatMap({ missingLeaf($0, in: whole) }) {
                    changes.append(Change(message: index, field: ".tool_calls[\(place)].function.arguments", missing: missing))
                }
            }
        }
        return changes
    }

    /// - Parameter position: behind the text before; texts mostly come in their order.
    private static func missing(_ text: String, in whole: String, _ position: inout Int) -> String? {
        let trimmed = PythonSpace.trimmed(text)
        if trimmed.isEmpty { return nil }
        if let found = TextBytes.range(of: trimmed, in: whole, from: position) {
            position = found.upperBound
            return nil
        }
        if isThere(trimmed, in: whole) { return nil }
        return trimmed.split(whereSeparator: \.isNewline).lazy.map { PythonSpace.trimmed(String($0)) }
            .first { !$0.isEmpty && !isThere($0, in: whole) }
    }

    /// Whether a text stands there as it is, or as JSON has it.
    private static func isThere(_ text: String, in whole: String) -> Bool {
        if TextBytes.range(of: text, in: whole) != nil { return true }
        return PythonJSON.escapes(text).contains { TextBytes.range(of: $0, in: whole) != nil }
    }

    private static func missingLeaf(_ node: JSONNode, in whole: String) -> String? {
        switch node.value {
        case .string(let text):
            let trimmed = PythonSpace.trimmed(text)
            return trimmed.isEmpty || isThere(trimmed, in: whole) ? nil : trimmed
        case .array(let elements): return elements.lazy.compactMap { missingLeaf($0, in: whole) }.first
        case .object(let members):
            return members.lazy.compactMap { isThere($0.key, in: whole) ? missingLeaf($0.node, in: whole) : $0.key }.first
        default: return nil
        }
    }
}

/// White space as Python's `str.strip` has it.
enum PythonSpace {
    static func trimmed(_ text: String) -> String {
        func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value) }
        let scalars = text.unicodeScalars
        guard let first = scalars.first, let last = scalars.last, isSpace(first) || isSpace(last) else { return text }
        var rest = Substring(text).unicodeScalars
        while let first = rest.first, isSpace(first) { rest.removeFirst() }
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        return String(Substring(rest))
    }
}
