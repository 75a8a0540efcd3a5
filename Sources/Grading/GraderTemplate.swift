package import JSON

/// A text with places for what a record and an answer hold: `{{item.reference}}`,
/// `{{sample.output_text}}`.
package struct GraderTemplate: Sendable, Hashable {
    private enum Part: Sendable, Hashable {
        case text(String)
        /// The path below `item` or `sample`.
        case place([String])
    }
    package let source: String
    private let parts: [Part]

    /// - Throws: what is wrong with the text.
    package init(_ source: String) throws(GraderRefusal) {
        self.source = source
        var parts: [Part] = []
        var rest = Substring(source)
        while let open = rest.firstRange(of: "{{") {
            if open.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<open.lowerBound]))) }
            guard let close = rest[open.upperBound...].firstRange(of: "}}") else {
                throw GraderRefusal("holds \"{{\" without \"}}\" behind it")
            }
            let words = rest[open.upperBound..<close.lowerBound].filter { !$0.isWhitespace }
            let path = words.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard path.count >= 2, ["item", "sample"].contains(path[0]), path.allSatisfy({ !$0.isEmpty })
            else {
                throw GraderRefusal(
                    "names \(words.isEmpty ? "nothing" : String(words.prefix(64))); a place is item.KEY or sample.output_text"
                )
            }
            if path[0] == "sample", path != ["sample", "output_text"] {
                throw GraderRefusal("names \(words.prefix(64)); of a sample there is output_text")
            }
            parts.append(.place(path))
            rest = rest[close.upperBound...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
    }

    /// The keys of the record that the text names first.
    package var itemKeys: [String] {
        parts.compactMap { part in
            if case .place(let path) = part, path[0] == "item" { return path[1] }
            return nil
        }
    }

    /// The text for a record and an answer.
    /// - Throws: the place that the record does not have.
    package func text(item: JSONNode, answer: String) throws(GraderRefusal) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .text(let own): text += own
            case .place(let path) where path[0] == "sample": text += answer
            case .place(let path):
                var node: JSONNode? = item
                for key in path.dropFirst() {
                    node = node.flatMap { $0[key] ?? Int(key).flatMap { index in Self.element(node, index) } }
                }
                guard let found = node, !found.isNull else {
                    throw GraderRefusal("\(path.joined(separator: ".")) is missing")
                }
                text += found.string ?? JSONWriter().string(found)
            }
        }
        return text
    }

    private static func element(_ node: JSONNode?, _ index: Int) -> JSONNode? {
        guard let elements = node?.array, elements.indices.contains(index) else { return nil }
        return elements[index]
    }
}

/// What is wrong with a grader, or with a record that it reads.
package struct GraderRefusal: Error, Sendable, Hashable {
    package let message: String
    package init(_ message: String) { self.message = message }
}
