import Filtering

extension FuzzTarget {
    /// A block list: whatever bytes it has, each of its terms is found where it stands alone.
    static let blockList = FuzzTarget(
        "block-list", seeds: ["# a\nbad*\n*Straße\n\n very bad idea \nΣίσυφος\n", "ﬁne\ncafe\u{301}\n*a*\n\u{200B}b\n"],
        words: ["*", "\u{200B}", "\u{301}", "\u{AD}", "ẞ", "\u{1100}\u{1161}", "İ", "\n", "ﬃ", "\u{FDFA}"], byteLimit: 256
    ) { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        guard let list = try? BlockList(name: "list", text) else { return nil }
        for line in text.split(whereSeparator: \.isNewline) {
            var term = line.drop { $0.isWhitespace }
            while let last = term.last, last.isWhitespace { term.removeLast() }
            if term.isEmpty || term.hasPrefix("#") { continue }
            if term.hasPrefix("*") { term.removeFirst() }
            if term.hasSuffix("*") { term.removeLast() }
            if list.match(in: String(term)) == nil { return "the term \(term.debugDescription) is not found in itself" }
        }
        return nil
    }
}
