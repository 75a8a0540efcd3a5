/// A set of Unicode scalars: sorted, disjoint ranges, kept as alternating first-inside and
/// first-outside values.
struct ScalarSet: Sendable, Hashable {
    /// Ascending; an even number of values.
    private(set) var bounds: [UInt32] = []

    init() {}

    init(_ ranges: [ClosedRange<UInt32>]) {
        var sorted = ranges.sorted { $0.lowerBound < $1.lowerBound }[...]
        while let range = sorted.popFirst() {
            if let last = bounds.last, range.lowerBound <= last {
                bounds[bounds.count - 1] = max(last, range.upperBound + 1)
            } else {
                bounds += [range.lowerBound, range.upperBound + 1]
            }
        }
    }

    init(_ range: ClosedRange<UInt32>) { bounds = [range.lowerBound, range.upperBound + 1] }

    init(_ scalar: Unicode.Scalar) { self.init(scalar.value...scalar.value) }

    static let all = ScalarSet(0...0x10FFFF)

    var isEmpty: Bool { bounds.isEmpty }

    var ranges: [ClosedRange<UInt32>] { stride(from: 0, to: bounds.count, by: 2).map { bounds[$0]...(bounds[$0 + 1] - 1) } }

    func contains(_ code: UInt32) -> Bool {
        var (low, high) = (0, bounds.count)
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] <= code { low = middle + 1 } else { high = middle }
        }
        return low & 1 == 1
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool { contains(scalar.value) }

    var inverted: ScalarSet {
        var result = ScalarSet()
        result.bounds = bounds.first == 0 ? Array(bounds.dropFirst()) : [0] + bounds
        if result.bounds.last == 0x110000 { result.bounds.removeLast() } else { result.bounds.append(0x110000) }
        return result
    }

    func union(_ other: ScalarSet) -> ScalarSet { isEmpty ? other : other.isEmpty ? self : ScalarSet(ranges + other.ranges) }

    func intersection(_ other: ScalarSet) -> ScalarSet { inverted.union(other.inverted).inverted }

    func subtracting(_ other: ScalarSet) -> ScalarSet { intersection(other.inverted) }

    /// The one member, if there is just one.
    var onlyMember: UInt32? { bounds.count == 2 && bounds[1] == bounds[0] + 1 ? bounds[0] : nil }
}

/// Sets laid out for fast questions: a bit for each scalar of the basic plane, a search for the
/// rest.
final class ScalarTables: @unchecked Sendable {
    // invariant: written in init alone, so reading from any thread is safe.
    private let bits: UnsafeMutablePointer<UInt64>
    private let sets: [ScalarSet]

    init(_ sets: [ScalarSet]) {
        self.sets = sets
        bits = .allocate(capacity: max(1, 1024 * sets.count))
        bits.initialize(repeating: 0, count: max(1, 1024 * sets.count))
        for (index, set) in sets.enumerated() {
            for range in set.ranges where range.lowerBound < 0x10000 {
                for code in Int(range.lowerBound)...Int(min(range.upperBound, 0xFFFF)) {
                    bits[index << 10 | code >> 6] |= 1 << UInt64(code & 63)
                }
            }
        }
    }

    deinit { bits.deallocate() }

    /// Whether the set with this number holds the scalar; the number must be one of the sets given.
    @inline(__always) func contains(_ set: Int, _ code: UInt32) -> Bool {
        code < 0x10000 ? bits[set << 10 | Int(code >> 6)] >> UInt64(code & 63) & 1 != 0 : sets[set].contains(code)
    }
}

/// One set laid out for fast questions.
struct ScalarTable: Sendable {
    private let tables: ScalarTables

    init(_ set: ScalarSet) { tables = ScalarTables([set]) }

    @inline(__always) func contains(_ code: UInt32) -> Bool { tables.contains(0, code) }
}
