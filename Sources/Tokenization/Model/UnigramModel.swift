import Foundation

/// The unigram language model (Kudo 2018, arXiv:1804.10959): of all ways to cut a word the most
/// likely one, found by Viterbi's algorithm.
final class UnigramModel: Sendable {
    let vocabulary: Vocabulary
    private let scores: [Double]
    private let unknownID: Int32?
    private let unknownScore: Double
    private let byteIDs: [Int32]
    private let usesByteFallback: Bool
    private let trie: FlatTable
    /// For each node of the trie the token that ends there, or -1.
    private let tokenOfNode: [Int32]

    init(_ pieces: [(text: String, score: Double)], unknownID: Int32?, usesByteFallback: Bool) throws(TokenizerModelError) {
        var ids: [ExactString: Int32] = [:]
        ids.reserveCapacity(pieces.count)
        var table: [UInt64: UInt64] = [:]
        var ends: [Int32] = [-1]
        for (index, piece) in pieces.enumerated() {
            let id = Int32(truncatingIfNeeded: index)
            ids[ExactString(piece.text)] = id
            var node: UInt64 = 0
            for byte in piece.text.utf8 {
                let key = node << 8 | UInt64(byte)
                if let child = table[key] {
                    node = child
                } else {
                    ends.append(-1)
                    table[key] = UInt64(ends.count - 1)
                    node = UInt64(ends.count - 1)
                }
            }
            if node > 0 { ends[Int(node)] = id }
        }
        if let unknownID, unknownID < 0 || Int(unknownID) >= pieces.count {
            throw TokenizerModelError(field: "unk_id", message: "\(unknownID) is not in the vocabulary")
        }
        vocabulary = Vocabulary(ids)
        scores = pieces.map(\.score)
        unknownScore = (scores.min() ?? 0) - 10
        self.unknownID = unknownID
        self.usesByteFallback = usesByteFallback
        byteIDs = ByteTokens.ids(in: vocabulary)
        trie = FlatTable(table.map { ($0.key, $0.value) })
        tokenOfNode = ends
    }

    func encode(_ word: UnsafeBufferPointer<UInt8>, _ scratch: inout EncodingScratch) {
        // For each place the best way to it: its score, the place before, the token between; no way
        // yet: the place before is -1.
        scratch.scores.removeAll(keepingCapacity: true)
        scratch.scores.append((0, 0, -1))
        for _ in 0..<word.count { scratch.scores.append((0, -1, -1)) }
        var position = 0
        while position < word.count {
            let width = min(UTF8Scalars.width(word[position]), word.count - position)
            let score = scratch.scores[position].score
            var hasSingle = false
            var node: UInt64 = 0
            var end = position
            while end < word.count, let child = trie[node << 8 | UInt64(word[end])] {
                node = child
                end += 1
                let id = tokenOfNode[Int(node)]
                guard id >= 0 else { continue }
                let candidate = score + scores[Int(id)]
                if scratch.scores[end].start < 0 || candidate > scratch.scores[end].score {
                    scratch.scores[end] = (candidate, Int32(truncatingIfNeeded: position), id)
                }
                if end - position == width { hasSingle = true }
            }
            if !hasSingle {
                let candidate = score + unknownScore
                if scratch.scores[position + width].start < 0 || candidate > scratch.scores[position + width].score {
                    scratch.scores[position + width] = (candidate, Int32(truncatingIfNeeded: position), -1)
                }
            }
            position += width
        }
        let first = scratch.symbols.count
        var end = Int32(truncatingIfNeeded: word.count)
        while end > 0 {
            let way = scratch.scores[Int(end)]
            // Unknown characters side by side are one; the vocabulary's own unknown token counts as
            // such.
            let isUnknown = way.id < 0 || way.id == unknownID
            if isUnknown, let last = scratch.symbols.indices.last, last >= first, scratch.symbols[last].id < 0 {
                scratch.symbols[last].start = way.start
            } else {
                scratch.symbols.append(Symbol(id: isUnknown ? -1 : way.id, start: way.start, end: end))
            }
            guard way.start >= 0, way.start < end else { break }
            end = way.start
        }
        scratch.symbols[first...].reverse()
        if scratch.symbols[first...].contains(where: { $0.id < 0 }) { replaceUnknown(word, first, &scratch.symbols) }
    }

    private func replaceUnknown(_ word: UnsafeBufferPointer<UInt8>, _ first: Int, _ symbols: inout [Symbol]) {
        let found = Array(symbols[first...])
        symbols.removeLast(symbols.count - first)
        for symbol in found {
            guard symbol.id < 0 else {
                symbols.append(symbol)
                continue
            }
            let range = Int(symbol.start)..<Int(symbol.end)
            if let id = vocabulary.id(of: String(decoding: word[range], as: UTF8.self)) {
                symbols.append(Symbol(id: id, start: symbol.start, end: symbol.end))
            } else if usesByteFallback, !range.contains(where: { byteIDs[Int(word[$0])] < 0 }) {
                for index in range {
                    symbols.append(
                        Symbol(
                            id: byteIDs[Int(word[index])], start: Int32(truncatingIfNeeded: index),
                            end: Int32(truncatingIfNeeded: index + 1)))
                }
            } else if let unknownID {
                symbols.append(Symbol(id: unknownID, start: symbol.start, end: symbol.end))
            }
        }
    }
}
