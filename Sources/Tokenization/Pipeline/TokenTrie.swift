/// Finds many fixed words in a text: leftmost first, of several that begin at one place the
/// longest.
struct TokenTrie: Sendable {
    private let children: FlatTable
    /// For each node the word that ends there, or -1.
    private var words: [Int32] = [-1]
    /// Whether a byte begins a word.
    private var begins = [Bool](repeating: false, count: 256)
    let isEmpty: Bool

    /// Of equal words the last counts.
    init(_ list: [(text: String, index: Int)]) {
        var table: [UInt64: UInt64] = [:]
        for (text, index) in list where !text.isEmpty {
            var node: UInt64 = 0
            for byte in text.utf8 {
                let key = node << 8 | UInt64(byte)
                if node == 0 { begins[Int(byte)] = true }
                if let child = table[key] {
                    node = child
                } else {
                    words.append(-1)
                    table[key] = UInt64(words.count - 1)
                    node = UInt64(words.count - 1)
                }
            }
            words[Int(node)] = Int32(truncatingIfNeeded: index)
        }
        children = FlatTable(table.map { ($0.key, $0.value) })
        isEmpty = table.isEmpty
    }

    /// The next word at or behind a place: where it begins and ends, and its index.
    func next(in bytes: UnsafeBufferPointer<UInt8>, from position: Int) -> (start: Int, end: Int, index: Int)? {
        if isEmpty { return nil }
        var start = position
        while start < bytes.count {
            if begins[Int(bytes[start])], let (end, index) = longest(in: bytes, at: start) { return (start, end, index) }
            start += 1
        }
        return nil
    }

    private func longest(in bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> (end: Int, index: Int)? {
        var node: UInt64 = 0
        var found: (Int, Int)?
        var position = start
        while position < bytes.count, let child = children[node << 8 | UInt64(bytes[position])] {
            node = child
            position += 1
            let word = words[Int(node)]
            if word >= 0 { found = (position, Int(word)) }
        }
        return found
    }
}
