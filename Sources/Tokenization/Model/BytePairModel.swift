/// Byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909): the `model` of tokenizer.json.
///
/// A word starts as its characters; the pair whose merge was learnt first is merged until none is left. Long words use a heap, so a word of
/// any length takes time in proportion to its length times its logarithm.
final class BytePairModel: Sendable {
    let idOfToken: [ExactString: Int32]
    let tokenOfID: [Int32: String]
    /// For a pair of ids (high and low half of the key): rank of the merge and id of its result.
    private let merges: [UInt64: (rank: Int32, id: Int32)]
    let unknownID: Int32?
    let fusesUnknown: Bool
    let usesByteFallback: Bool
    let ignoresMerges: Bool
    private let byteIDs: [Int32]
    private let idOfScalar: [Unicode.Scalar: Int32]
    private let endOfWordSuffix: String
    private let continuingPrefix: String

    init(
        vocabulary: [ExactString: Int32], merges: [(String, String)], unknownToken: String?, fusesUnknown: Bool, usesByteFallback: Bool, ignoresMerges: Bool,
        continuingPrefix: String, endOfWordSuffix: String
    ) throws(TokenizerModelError) {
        idOfToken = vocabulary
        tokenOfID = Dictionary(vocabulary.map { ($1, $0.text) }) { first, _ in first }
        var table: [UInt64: (rank: Int32, id: Int32)] = [:]
        table.reserveCapacity(merges.count)
        for (rank, pair) in merges.enumerated() {
            guard let left = vocabulary[ExactString(pair.0)] else { throw TokenizerModelError(message: "merge \(rank + 1): \"\(pair.0)\" is not in the vocabulary") }
            guard let right = vocabulary[ExactString(pair.1)] else { throw TokenizerModelError(message: "merge \(rank + 1): \"\(pair.1)\" is not in the vocabulary") }
            let merged = pair.0 + (continuingPrefix.isEmpty ? pair.1 : String(pair.1.dropFirst(continuingPrefix.count)))
            guard let id = vocabulary[ExactString(merged)] else { throw TokenizerModelError(message: "merge \(rank + 1): \"\(merged)\" is not in the vocabulary") }
            // The last of equal pairs counts, as in the reference library's map.
            table[Self.key(left, right)] = (Int32(truncatingIfNeeded: rank), id)
        }
        self.merges = table
        if let unknownToken {
            guard let id = vocabulary[ExactString(unknownToken)] else { throw TokenizerModelError(message: "unk_token \"\(unknownToken)\" is not in the vocabulary") }
            unknownID = id
        } else {
            unknownID = nil
        }
        self.fusesUnknown = fusesUnknown
        self.usesByteFallback = usesByteFallback
        self.ignoresMerges = ignoresMerges
        self.continuingPrefix = continuingPrefix
        self.endOfWordSuffix = endOfWordSuffix
        byteIDs = (0..<256).map { vocabulary[ExactString(Self.token(ofByte: UInt8($0)))] ?? -1 }
        idOfScalar = Dictionary(
            vocabulary.compactMap { text, id in
                let scalars = text.text.unicodeScalars
                return scalars.count == 1 ? scalars.first.map { ($0, id) } : nil
            }
        ) { first, _ in first }
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 { UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right)) }

    /// `<0x41>` for the byte 65.
    static func token(ofByte byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "<0x" + (digits.count == 1 ? "0" : "") + digits + ">"
    }

    static func byte(ofToken token: String) -> UInt8? {
        let utf8 = Array(token.utf8)
        guard utf8.count == 6, token.hasPrefix("<0x"), utf8[5] == UInt8(ascii: ">") else { return nil }
        return UInt8(String(decoding: utf8[3..<5], as: UTF8.self), radix: 16)
    }

    /// A part of a word: token and how many of the word's scalars it covers. Byte tokens of one scalar share it: all but the last cover none.
    struct Symbol {
        var id: Int32
        var first: Int
        var end: Int
    }

    /// The word's tokens with the ranges of its scalars that they cover.
    func encode(_ scalars: [Unicode.Scalar]) -> [Symbol] {
        if ignoresMerges {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars)
            if let id = idOfToken[ExactString(String(view))] { return [Symbol(id: id, first: 0, end: scalars.count)] }
        }
        var symbols = initialSymbols(scalars)
        if symbols.count > 1 { symbols.count < 48 ? mergeShort(&symbols) : mergeLong(&symbols) }
        return symbols
    }

    private func initialSymbols(_ scalars: [Unicode.Scalar]) -> [Symbol] {
        var symbols: [Symbol] = []
        symbols.reserveCapacity(scalars.count)
        var lastWasUnknown = false
        for (index, scalar) in scalars.enumerated() {
            var id = idOfScalar[scalar]
            if !continuingPrefix.isEmpty || !endOfWordSuffix.isEmpty {
                let text = (index > 0 ? continuingPrefix : "") + String(scalar) + (index == scalars.count - 1 ? endOfWordSuffix : "")
                id = idOfToken[ExactString(text)]
            }
            if let id {
                symbols.append(Symbol(id: id, first: index, end: index + 1))
                lastWasUnknown = false
                continue
            }
            if usesByteFallback {
                let bytes = Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
                let ids = bytes.map { byteIDs[Int($0)] }
                if !ids.contains(-1) {
                    for id in ids { symbols.append(Symbol(id: id, first: index, end: index + 1)) }
                    lastWasUnknown = false
                    continue
                }
            }
            guard let unknownID else { continue }
            if fusesUnknown, lastWasUnknown { symbols[symbols.count - 1].end = index + 1 } else { symbols.append(Symbol(id: unknownID, first: index, end: index + 1)) }
            lastWasUnknown = true
        }
        return symbols
    }

    private func mergeShort(_ symbols: inout [Symbol]) {
        while symbols.count > 1 {
            var best: (rank: Int32, id: Int32, index: Int)?
            for index in 0..<(symbols.count - 1) {
                guard let merge = merges[Self.key(symbols[index].id, symbols[index + 1].id)] else { continue }
                if best.map({ merge.rank < $0.rank }) ?? true { best = (merge.rank, merge.id, index) }
            }
            guard let best else { return }
            symbols[best.index].id = best.id
            symbols[best.index].end = symbols[best.index + 1].end
            symbols.remove(at: best.index + 1)
        }
    }

    private struct Candidate {
        var rank: Int32
        var position: Int32
        var left: Int32
        var right: Int32
        var merged: Int32

        static func < (a: Candidate, b: Candidate) -> Bool { (a.rank, a.position) < (b.rank, b.position) }
    }

    private func mergeLong(_ symbols: inout [Symbol]) {
        let count = symbols.count
        var next = (0..<count).map { $0 + 1 < count ? $0 + 1 : -1 }
        var previous = (0..<count).map { $0 - 1 }
        var isAlive = [Bool](repeating: true, count: count)
        var heap: [Candidate] = []
        func push(_ candidate: Candidate) {
            heap.append(candidate)
            var child = heap.count - 1
            while child > 0, heap[child] < heap[(child - 1) / 2] {
                heap.swapAt(child, (child - 1) / 2)
                child = (child - 1) / 2
            }
        }
        func pop() -> Candidate? {
            guard let top = heap.first else { return nil }
            let last = heap.removeLast()
            if !heap.isEmpty {
                heap[0] = last
                var parent = 0
                while true {
                    var smallest = parent
                    for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child] < heap[smallest] { smallest = child }
                    if smallest == parent { break }
                    heap.swapAt(parent, smallest)
                    parent = smallest
                }
            }
            return top
        }
        func consider(_ left: Int) {
            let right = next[left]
            guard right >= 0, let merge = merges[Self.key(symbols[left].id, symbols[right].id)] else { return }
            push(Candidate(rank: merge.rank, position: Int32(truncatingIfNeeded: left), left: symbols[left].id, right: symbols[right].id, merged: merge.id))
        }
        for index in 0..<count { consider(index) }
        while let candidate = pop() {
            let left = Int(candidate.position)
            guard isAlive[left], symbols[left].id == candidate.left else { continue }
            let right = next[left]
            guard right >= 0, symbols[right].id == candidate.right else { continue }
            symbols[left].id = candidate.merged
            symbols[left].end = symbols[right].end
            isAlive[right] = false
            next[left] = next[right]
            if next[left] >= 0 { previous[next[left]] = left }
            if previous[left] >= 0 { consider(previous[left]) }
            consider(left)
        }
        symbols = symbols.indices.filter { isAlive[$0] }.map { symbols[$0] }
    }
}

struct TokenizerModelError: Error {
    var message: String
}
