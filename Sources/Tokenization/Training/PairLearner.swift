/// Words as tokens, and how often each pair of tokens stands side by side in them.
///
/// Counts are kept as merges change the words; the most frequent pair comes from a heap whose stale
/// entries are dropped when they come up.
struct PairLearner {
    private struct Entry {
        var count: Int
        var pair: UInt64

        /// More frequent first, then the smaller ids.
        static func precedes(_ a: Entry, _ b: Entry) -> Bool { a.count != b.count ? a.count > b.count : a.pair < b.pair }
    }
    private var words: [(ids: [Int32], count: Int)]
    private var counts: [UInt64: Int] = [:]
    /// Words in which a pair stands or once stood; ascending, some twice.
    private var places: [UInt64: [Int32]] = [:]
    private var heap: [Entry] = []

    init(_ words: [([Int32], Int)]) {
        self.words = words.map { ($0.0, $0.1) }
        for (index, word) in self.words.enumerated() where word.ids.count > 1 {
            for position in 1..<word.ids.count { add(Self.key(word.ids[position - 1], word.ids[position]), word.count, index) }
        }
        for (pair, count) in counts { push(Entry(count: count, pair: pair)) }
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    private mutating func add(_ pair: UInt64, _ count: Int, _ word: Int) {
        counts[pair, default: 0] += count
        let place = Int32(truncatingIfNeeded: word)
        if places[pair]?.last != place { places[pair, default: []].append(place) }
    }

    /// The most frequent pair.
    mutating func best(atLeast minimum: Int) -> (Int32, Int32)? {
        while let top = heap.first {
            pop()
            let count = counts[top.pair] ?? 0
            if count == top.count {
                guard count >= minimum else { return nil }
                return (Int32(truncatingIfNeeded: top.pair >> 32), Int32(truncatingIfNeeded: top.pair))
            }
            if count > 0, count < top.count { push(Entry(count: count, pair: top.pair)) }
        }
        return nil
    }

    /// Leaves a pair as it is for ever.
    mutating func discard(_ left: Int32, _ right: Int32) { counts[Self.key(left, right)] = nil }

    /// Puts a new token in the place of a pair everywhere.
    mutating func merge(_ left: Int32, _ right: Int32, into merged: Int32) {
        let pair = Self.key(left, right)
        var changed: [UInt64: Int] = [:]
        var seen: Int32 = -1
        for place in (places[pair] ?? []).sorted() where place != seen {
            seen = place
            mergeWord(Int(place), left, right, merged, &changed)
        }
        counts[pair] = nil
        places[pair] = nil
        for (pair, change) in changed where change > 0 { if let count = counts[pair] { push(Entry(count: count, pair: pair)) } }
    }

    private mutating func mergeWord(_ word: Int, _ left: Int32, _ right: Int32, _ merged: Int32, _ changed: inout [UInt64: Int]) {
        let (ids, count) = words[word]
        var result: [Int32] = []
        result.reserveCapacity(ids.count)
        var position = 0
        while position < ids.count {
            if position + 1 < ids.count, ids[position] == left, ids[position + 1] == right {
                result.append(merged)
                position += 2
            } else {
                result.append(ids[position])
                position += 1
            }
        }
        guard result.count < ids.count else { return }
        for index in 1..<ids.count {
            let old = Self.key(ids[index - 1], ids[index])
            if let known = counts[old] { counts[old] = known - count }
            changed[old, default: 0] -= count
        }
        for index in stride(from: 1, to: result.count, by: 1) {
            let new = Self.key(result[index - 1], result[index])
            // A pair that has been discarded stays so; only pairs of the new token can be new.
            if result[index - 1] == merged || result[index] == merged {
                add(new, count, word)
            } else if let known = counts[new] {
                counts[new] = known + count
            }
            changed[new, default: 0] += count
        }
        words[word].ids = result
    }

    private mutating func push(_ entry: Entry) {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0, Entry.precedes(entry, heap[(child - 1) / 2]) {
            heap[child] = heap[(child - 1) / 2]
            child = (child - 1) / 2
        }
        heap[child] = entry
    }

    private mutating func pop() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, Entry.precedes(heap[child + 1], heap[child]) { child += 1 }
            guard Entry.precedes(heap[child], last) else { break }
            heap[parent] = heap[child]
            parent = child
        }
        heap[parent] = last
    }
}
