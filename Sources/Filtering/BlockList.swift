/// Terms that a text may not contain, as an automaton that finds all of them in one pass (Aho and
/// Corasick 1975, doi:10.1145/360825.360855): the time depends on the text's length alone, whatever
/// the terms are.
///
/// A line of a list is a term. It is found as whole words; with `*` at an end it is open there:
/// `word*` also finds `words`. Lines that are empty or begin with `#` say nothing.
package struct BlockList: Sendable {
    /// What is wrong with a list.
    package struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        package var name: String
        package var line: Int
        package var message: String

        package var description: String { "\(name), line \(line): \(message)" }
    }
    package struct Match: Sendable, Hashable {
        /// The line of the term in its list.
        package var line: Int
        /// The term as the list has it.
        package var term: String
    }
    private struct Term: Sendable {
        var text: String
        var line: Int
        var length: Int
        var isOpenBefore: Bool
        var isOpenBehind: Bool
    }
    private struct Node: Sendable {
        var next: [UInt8: Int32] = [:]
        /// The longest proper suffix that begins a term as well.
        var fallback: Int32 = 0
        var depth: Int32 = 0
        /// Terms that end here, and the next node on the way of fallbacks where one does.
        var terms: [Int32] = []
        var nextEnd: Int32 = -1
    }

    package let name: String
    private var terms: [Term] = []
    private var nodes = [Node()]

    /// Bytes of a list, terms of it, and characters of a term, at most.
    package static let (byteLimit, termLimit, lengthLimit) = (4 << 20, 100_000, 256)

    package var count: Int { terms.count }

    /// - Parameter text: the list, a term a line.
    /// - Throws: ``Failure``.
    package init(name: String, _ text: String) throws(Failure) {
        self.name = name
        guard text.utf8.count <= Self.byteLimit else {
            throw Failure(name: name, line: 1, message: "the list has more than \(Self.byteLimit >> 20) MiB")
        }
        var line = 0
        for part in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            line += 1
            let term = Self.trimmed(part)
            guard !term.isEmpty, !term.hasPrefix("#") else { continue }
            try add(term, line)
        }
        link()
    }

    private static func trimmed(_ text: Substring) -> String {
        let start = text.drop { $0.isWhitespace }
        return String(start[..<(start.lastIndex { !$0.isWhitespace }.map { start.index(after: $0) } ?? start.startIndex)])
    }

    private mutating func add(_ text: String, _ line: Int) throws(Failure) {
        guard terms.count < Self.termLimit else {
            throw Failure(name: name, line: line, message: "the list has more than \(Self.termLimit) terms")
        }
        guard text.count <= Self.lengthLimit else {
            throw Failure(name: name, line: line, message: "the term has more than \(Self.lengthLimit) characters")
        }
        var inner = Substring(text)
        let (isOpenBefore, isOpenBehind) = (inner.hasPrefix("*"), inner.count > 1 && inner.hasSuffix("*"))
        if isOpenBefore { inner = inner.dropFirst() }
        if isOpenBehind { inner = inner.dropLast() }
        let folded = FoldedText(String(inner)).bytes
        guard folded.contains(where: { $0 != 0x20 }), !inner.contains("*") else {
            throw Failure(
                name: name, line: line, message: "the term \"\(text)\" says nothing: * stands at its ends alone, and something between")
        }
        var node = 0
        for byte in folded {
            if let next = nodes[node].next[byte] {
                node = Int(next)
            } else {
                nodes.append(Node(depth: nodes[node].depth + 1))
                nodes[node].next[byte] = Int32(nodes.count - 1)
                node = nodes.count - 1
            }
        }
        nodes[node].terms.append(Int32(terms.count))
        terms.append(Term(text: text, line: line, length: folded.count, isOpenBefore: isOpenBefore, isOpenBehind: isOpenBehind))
    }

    /// Sets the fallbacks, nodes near the root first.
    private mutating func link() {
        var pending = nodes[0].next.values.sorted().map { Int($0) }
        var done = 0
        while done < pending.count {
            let node = pending[done]
            done += 1
            for (byte, child) in nodes[node].next.sorted(by: { $0.key < $1.key }) {
                pending.append(Int(child))
                nodes[Int(child)].fallback = Int32(step(Int(nodes[node].fallback), byte))
            }
            let fallback = Int(nodes[node].fallback)
            nodes[node].nextEnd = nodes[fallback].terms.isEmpty ? nodes[fallback].nextEnd : Int32(fallback)
        }
    }

    private func step(_ node: Int, _ byte: UInt8) -> Int {
        var node = node
        while true {
            if let next = nodes[node].next[byte] { return Int(next) }
            if node == 0 { return 0 }
            node = Int(nodes[node].fallback)
        }
    }

    /// The first term in a text, by where it ends; nil where there is none.
    package func match(in text: String) -> Match? { scan(FoldedText(text).bytes, isWhole: true).match }

    /// The same in the beginning of a text, of which more will come: a word at its end may be part
    /// of a longer one.
    /// - Returns: the first term, and how many folded bytes at the end may be the beginning of one;
    ///   whoever passes the text on holds as much back.
    package func match(inBeginning text: String) -> (match: Match?, openEnd: Int) {
        let found = scan(FoldedText(text).bytes, isWhole: false)
        return (found.match, found.depth)
    }

    private func scan(_ bytes: [UInt8], isWhole: Bool) -> (match: Match?, depth: Int) {
        var node = 0
        for (place, byte) in bytes.enumerated() {
            node = step(node, byte)
            var end = nodes[node].terms.isEmpty ? Int(nodes[node].nextEnd) : node
            while end > 0 {
                for index in nodes[end].terms {
                    let term = terms[Int(index)]
                    let start = place + 1 - term.length
                    let isEnd = term.isOpenBehind || (isWhole || place + 1 < bytes.count) && FoldedText.isBoundary(bytes, place + 1)
                    guard isEnd, term.isOpenBefore || FoldedText.isBoundary(bytes, start) else { continue }
                    return (Match(line: term.line, term: term.text), 0)
                }
                end = Int(nodes[end].nextEnd)
            }
        }
        return (nil, Int(nodes[node].depth))
    }
}
