/// Finds examples that occur more than once, in bounded memory: hashes first, then the tokens
/// themselves.
enum Repetitions {
    /// Hashes that are held at a time.
    static let hashLimit = 2_000_000
    static let shownLimit = 100

    struct Found: Sendable, Hashable {
        var count = 0
        /// The first pairs of lines: the one that repeats, and the one that it repeats.
        var lines: [(line: Int, first: Int)] = []

        static func == (left: Found, right: Found) -> Bool {
            left.count == right.count && left.lines.elementsEqual(right.lines, by: ==)
        }
        func hash(into hasher: inout Hasher) { hasher.combine(count) }
    }

    private struct Entry {
        var hash: UInt64
        var index: UInt64
    }

    /// Examples that an earlier one of the same dataset equals.
    static func within(_ data: Dataset) -> Found {
        var found = Found()
        let passes = data.count / hashLimit + 1
        for pass in 0..<passes {
            var entries: [Entry] = []
            for index in 0..<data.count {
                let hash = data.record(index).hash
                if hash % UInt64(passes) == UInt64(pass) { entries.append(Entry(hash: hash, index: UInt64(index))) }
            }
            entries.sort { ($0.hash, $0.index) < ($1.hash, $1.index) }
            var first = 0
            for place in entries.indices.dropFirst() {
                if entries[place].hash != entries[first].hash {
                    first = place
                } else if equal(data, Int(entries[place].index), data, Int(entries[first].index)) {
                    note(&found, data.line(of: Int(entries[place].index)), data.line(of: Int(entries[first].index)))
                }
            }
        }
        found.lines.sort { ($0.line, $0.first) < ($1.line, $1.first) }
        return found
    }

    /// Examples of one dataset that another holds too.
    static func of(_ data: Dataset, in other: Dataset) -> Found {
        var found = Found()
        for start in stride(from: 0, to: data.count, by: hashLimit) {
            var entries = (start..<min(start + hashLimit, data.count)).map { Entry(hash: data.record($0).hash, index: UInt64($0)) }
            entries.sort { ($0.hash, $0.index) < ($1.hash, $1.index) }
            var isFound = [Bool](repeating: false, count: entries.count)
            for index in 0..<other.count {
                let hash = other.record(index).hash
                var (low, high) = (0, entries.count)
                while low < high {
                    let middle = (low + high) / 2
                    if entries[middle].hash < hash { low = middle + 1 } else { high = middle }
                }
                while low < entries.count, entries[low].hash == hash {
                    if !isFound[low], equal(data, Int(entries[low].index), other, index) {
                        isFound[low] = true
                        note(&found, data.line(of: Int(entries[low].index)), other.line(of: index))
                    }
                    low += 1
                }
            }
        }
        found.lines.sort { ($0.line, $0.first) < ($1.line, $1.first) }
        return found
    }

    private static func note(_ found: inout Found, _ line: Int, _ first: Int) {
        found.count += 1
        if found.lines.count < shownLimit { found.lines.append((line, first)) }
    }

    private static func equal(_ data: Dataset, _ index: Int, _ other: Dataset, _ otherIndex: Int) -> Bool {
        data.withTokens(data.record(index)) { tokens in
            other.withTokens(other.record(otherIndex)) { tokens.elementsEqual($0) }
        }
    }
}
