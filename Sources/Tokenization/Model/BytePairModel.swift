/// Byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909).
///
/// A word starts as its characters; the pair whose merge was learnt first is merged until none is
/// left. Long words use a heap, so a word of any length takes time in proportion to its length
/// times its logarithm.
final class BytePairModel: Sendable {
    struct Options: Sendable {
        var unknownToken: String?
        var fusesUnknown = false
        var usesByteFallback = false
        var ignoresMerges = false
        var continuingPrefix = ""
        var endOfWordSuffix = ""
    }
    let vocabulary: Vocabulary
    private let options: Options
    /// For a pair of ids (high and low half of the key): rank of the merge (high half) and id of
    /// its result.
    private let merges: FlatTable
    private let unknownID: Int32?
    private let byteIDs: [Int32]
    /// Ids of single characters of the basic plane, -1 where there is none; the others in a
    /// dictionary.
    private let idOfBasicScalar: [Int32]
    private let idOfScalar: [UInt32: Int32]
    /// Ids of the characters of GPT-2's alphabet by the byte they stand for.
    private let idOfAlphabetByte: [Int32]
    /// Whether words come as bytes and not as characters of GPT-2's alphabet.
    let takesBytes: Bool
    /// A character at which a word may be cut before merging, since no merge reaches over the place
    /// before it: sentencepiece's space.
    let boundary: [UInt8]?

    /// - Parameter endsInBytes: whether the pre-tokenizer's last step writes bytes in GPT-2's
    ///   alphabet.
    /// - Throws: ``TokenizerModelError`` for a merge or unknown token that is not in the
    ///   vocabulary.
    init(_ vocabulary: Vocabulary, merges: [(String, String)], _ options: Options, endsInBytes: Bool) throws(TokenizerModelError) {
        self.vocabulary = vocabulary
        self.options = options
        var table: [(key: UInt64, value: UInt64)] = []
        table.reserveCapacity(merges.count)
        var reachesOverSpace = false
        let space = "\u{2581}"
        for (rank, pair) in merges.enumerated() {
            let field = "merges[\(rank)]"
            guard let left = vocabulary.id(of: pair.0) else {
                throw TokenizerModelError(field: field, message: "\"\(pair.0)\" is not in the vocabulary")
            }
            guard let right = vocabulary.id(of: pair.1) else {
                throw TokenizerModelError(field: field, message: "\"\(pair.1)\" is not in the vocabulary")
            }
            let merged = pair.0 + Self.withoutPrefix(pair.1, options.continuingPrefix)
            guard let id = vocabulary.id(of: merged) else {
                throw TokenizerModelError(field: field, message: "\"\(merged)\", the joined pair, is not in the vocabulary")
            }
            table.append((Self.key(left, right), UInt64(rank) << 32 | UInt64(UInt32(bitPattern: id))))
            if pair.1.unicodeScalars.first == "\u{2581}", pair.0.unicodeScalars.last != "\u{2581}" { reachesOverSpace = true }
        }
        self.merges = FlatTable(table)
        if let unknown = options.unknownToken {
            guard let id = vocabulary.id(of: unknown) else {
                throw TokenizerModelError(field: "unk_token", message: "\"\(unknown)\" is not in the vocabulary")
            }
            unknownID = id
        } else {
            unknownID = nil
        }
        byteIDs = ByteTokens.ids(in: vocabulary)
        var basic = [Int32](repeating: -1, count: 0x10000)
        var others: [UInt32: Int32] = [:]
        for (text, id) in vocabulary.ids {
            let scalars = text.text.unicodeScalars
            guard let scalar = scalars.first, scalars.index(after: scalars.startIndex) == scalars.endIndex else { continue }
            if scalar.value < 0x10000 { basic[Int(scalar.value)] = id } else { others[scalar.value] = id }
        }
        idOfBasicScalar = basic
        idOfScalar = others
        idOfAlphabetByte = ByteAlphabet.scalarOfByte.map { basic[Int($0.value)] }
        let isPlain = options.continuingPrefix.isEmpty && options.endOfWordSuffix.isEmpty
        takesBytes = endsInBytes && isPlain && !options.usesByteFallback
        boundary =
            !endsInBytes && isPlain && !options.ignoresMerges && !reachesOverSpace && vocabulary.id(of: space) != nil
            ? Array(space.utf8) : nil
    }

    private static func withoutPrefix(_ text: String, _ prefix: String) -> String {
        prefix.isEmpty ? text : String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    func encode(_ word: UnsafeBufferPointer<UInt8>, _ scratch: inout EncodingScratch) {
        if options.ignoresMerges {
            let text = takesBytes ? ByteAlphabet.text(of: word) : String(decoding: word, as: UTF8.self)
            if let id = vocabulary.id(of: text) {
                scratch.symbols.append(Symbol(id: id, start: 0, end: Int32(truncatingIfNeeded: word.count)))
                return
            }
        }
        let first = scratch.symbols.count
        begin(word, &scratch.symbols)
        let count = scratch.symbols.count - first
        if count > 1 { count <= 64 ? mergeShort(first, &scratch) : mergeLong(first, &scratch) }
    }

    // MARK: The characters of a word

    private func begin(_ word: UnsafeBufferPointer<UInt8>, _ symbols: inout [Symbol]) {
        var pending: Symbol?
        var position = 0
        while position < word.count {
            let end = takesBytes ? position + 1 : min(word.count, position + UTF8Scalars.width(word[position]))
            let range = (Int32(truncatingIfNeeded: position), Int32(truncatingIfNeeded: end))
            let id = id(in: word, position, end)
            if id >= 0 {
                if let unknown = pending { symbols.append(unknown) }
                pending = nil
                symbols.append(Symbol(id: id, start: range.0, end: range.1))
            } else if !appendBytes(word, position, end, &symbols), let unknownID {
                if options.fusesUnknown, let unknown = pending {
                    pending = Symbol(id: unknownID, start: unknown.start, end: range.1)
                } else {
                    if let unknown = pending { symbols.append(unknown) }
                    pending = Symbol(id: unknownID, start: range.0, end: range.1)
                }
            }
            position = end
        }
        if let unknown = pending { symbols.append(unknown) }
    }

    @inline(__always) private func id(in word: UnsafeBufferPointer<UInt8>, _ position: Int, _ end: Int) -> Int32 {
        if takesBytes { return idOfAlphabetByte[Int(word[position])] }
        guard options.continuingPrefix.isEmpty, options.endOfWordSuffix.isEmpty else {
            return vocabulary.id(of: decorated(word, position, end)) ?? -1
        }
        let code = UTF8Scalars.scalar(word, position, end)
        return code < 0x10000 ? idOfBasicScalar[Int(code)] : idOfScalar[code] ?? -1
    }

    /// A character with the prefix of those that continue a word and the suffix of the one that
    /// ends it.
    private func decorated(_ word: UnsafeBufferPointer<UInt8>, _ position: Int, _ end: Int) -> String {
        (position > 0 ? options.continuingPrefix : "") + String(decoding: word[position..<end], as: UTF8.self)
            + (end == word.count ? options.endOfWordSuffix : "")
    }

    private func appendBytes(_ word: UnsafeBufferPointer<UInt8>, _ position: Int, _ end: Int, _ symbols: inout [Symbol]) -> Bool {
        guard options.usesByteFallback else { return false }
        if options.continuingPrefix.isEmpty, options.endOfWordSuffix.isEmpty {
            for index in position..<end where byteIDs[Int(word[index])] < 0 { return false }
            for index in position..<end {
                symbols.append(
                    Symbol(
                        id: byteIDs[Int(word[index])], start: Int32(truncatingIfNeeded: index), end: Int32(truncatingIfNeeded: index + 1)))
            }
            return true
        }
        let ids = decorated(word, position, end).utf8.map { byteIDs[Int($0)] }
        guard !ids.contains(-1) else { return false }
        for id in ids { symbols.append(Symbol(id: id, start: Int32(truncatingIfNeeded: position), end: Int32(truncatingIfNeeded: end))) }
        return true
    }

    // MARK: Merging

    private static let none = UInt64.max

    /// Merges the symbols from `first` on by looking through all pairs each time: fastest for the
    /// words of a language.
    private func mergeShort(_ first: Int, _ scratch: inout EncodingScratch) {
        var count = scratch.symbols.count - first
        scratch.pairs.removeAll(keepingCapacity: true)
        for index in 0..<(count - 1) {
            scratch.pairs.append(merge(scratch.symbols[first + index].id, scratch.symbols[first + index + 1].id))
        }
        scratch.symbols.withUnsafeMutableBufferPointer { symbols in
            scratch.pairs.withUnsafeMutableBufferPointer { pairs in
                while true {
                    var best = Self.none
                    var place = 0
                    for index in 0..<(count - 1) where pairs[index] < best {
                        best = pairs[index]
                        place = index
                    }
                    if best == Self.none { break }
                    symbols[first + place].id = Int32(truncatingIfNeeded: best)
                    symbols[first + place].end = symbols[first + place + 1].end
                    count -= 1
                    var index = place + 1
                    while index < count {
                        symbols[first + index] = symbols[first + index + 1]
                        pairs[index - 1] = pairs[index]
                        index += 1
                    }
                    if place > 0 { pairs[place - 1] = merge(symbols[first + place - 1].id, symbols[first + place].id) }
                    if place + 1 < count { pairs[place] = merge(symbols[first + place].id, symbols[first + place + 1].id) }
                }
            }
        }
        scratch.symbols.removeLast(scratch.symbols.count - first - count)
    }

    /// Rank (high half) and result of merging two tokens; `none` if they do not merge.
    @inline(__always) private func merge(_ left: Int32, _ right: Int32) -> UInt64 { merges[Self.key(left, right)] ?? Self.none }

    /// Merges with a heap of pairs, ordered by rank and then place. An entry holds only while the
    /// pair at its place has its rank.
    private func mergeLong(_ first: Int, _ scratch: inout EncodingScratch) {
        let count = scratch.symbols.count - first
        scratch.next.removeAll(keepingCapacity: true)
        scratch.previous.removeAll(keepingCapacity: true)
        scratch.pairs.removeAll(keepingCapacity: true)
        scratch.heap.removeAll(keepingCapacity: true)
        for index in 0..<count {
            scratch.next.append(index + 1 < count ? Int32(truncatingIfNeeded: index + 1) : -1)
            scratch.previous.append(Int32(truncatingIfNeeded: index - 1))
            let pair = index + 1 < count ? merge(scratch.symbols[first + index].id, scratch.symbols[first + index + 1].id) : Self.none
            scratch.pairs.append(pair)
            if pair != Self.none { scratch.heap.append((pair >> 32) << 32 | UInt64(index)) }
        }
        MinimumHeap.order(&scratch.heap)
        while let top = MinimumHeap.pop(&scratch.heap) {
            let left = Int(top & 0xFFFF_FFFF)
            let pair = scratch.pairs[left]
            guard pair != Self.none, pair >> 32 == top >> 32 else { continue }
            let right = Int(scratch.next[left])
            guard right >= 0 else { continue }
            scratch.symbols[first + left].id = Int32(truncatingIfNeeded: pair)
            scratch.symbols[first + left].end = scratch.symbols[first + right].end
            scratch.symbols[first + right].id = -1
            scratch.pairs[right] = Self.none
            let after = Int(scratch.next[right])
            scratch.next[left] = Int32(truncatingIfNeeded: after)
            if after >= 0 { scratch.previous[after] = Int32(truncatingIfNeeded: left) }
            let before = Int(scratch.previous[left])
            if before >= 0 { renew(before, left, first, &scratch) }
            scratch.pairs[left] = Self.none
            if after >= 0 { renew(left, after, first, &scratch) }
        }
        var kept = first
        for index in first..<scratch.symbols.count where scratch.symbols[index].id >= 0 {
            scratch.symbols[kept] = scratch.symbols[index]
            kept += 1
        }
        scratch.symbols.removeLast(scratch.symbols.count - kept)
    }

    private func renew(_ left: Int, _ right: Int, _ first: Int, _ scratch: inout EncodingScratch) {
        let pair = merge(scratch.symbols[first + left].id, scratch.symbols[first + right].id)
        scratch.pairs[left] = pair
        if pair != Self.none { MinimumHeap.push((pair >> 32) << 32 | UInt64(left), &scratch.heap) }
    }
}
