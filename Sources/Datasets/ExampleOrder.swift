/// The order of examples in an epoch: a permutation that is computed, not stored.
///
/// A Feistel network of four rounds over the next even number of bits, walked until it falls inside
/// the range (Black and Rogaway 2002, "Ciphers with arbitrary finite domains"), keyed by seed and
/// epoch.
package struct ExampleOrder: Sendable, Hashable {
    package let count: Int
    private let keys: [UInt64]
    private let halfBits: UInt64
    private let isShuffled: Bool

    package init(count: Int, seed: UInt64, epoch: Int, isShuffled: Bool) {
        self.count = count
        self.isShuffled = isShuffled
        var bits: UInt64 = 1
        while bits < 31, 1 << (2 * bits) < count { bits += 1 }
        halfBits = bits
        var state = seed &+ UInt64(truncatingIfNeeded: epoch) &* 0xD134_2543_DE82_EF95
        keys = (0..<4).map { _ in
            state &+= 0x9E37_79B9_7F4A_7C15
            return Self.mixed(state)
        }
    }

    private static func mixed(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// The example at a place of the epoch.
    package func example(at place: Int) -> Int {
        guard isShuffled, count > 1 else { return place }
        let mask = (UInt64(1) << halfBits) - 1
        var value = UInt64(truncatingIfNeeded: place)
        repeat {
            var (left, right) = (value >> halfBits, value & mask)
            for key in keys { (left, right) = (right, left ^ (Self.mixed(right ^ key) & mask)) }
            value = left << halfBits | right
        } while value >= UInt64(truncatingIfNeeded: count)
        return Int(truncatingIfNeeded: value)
    }
}

/// Which examples are held back for validation: decided for each by its own number and the seed, so
/// adding lines at the end changes nothing before them.
package enum ValidationSplit {
    package static func isHeldBack(_ index: Int, fraction: Double, seed: UInt64) -> Bool { draw(index, seed: seed) < fraction }

    /// The same for all of `count` examples, but at least one of two or more is held back, and one
    /// is not: where the draws leave a side empty, the example nearest to that side changes over.
    package static func heldBack(of count: Int, fraction: Double, seed: UInt64) -> @Sendable (Int) -> Bool {
        let plain: @Sendable (Int) -> Bool = { isHeldBack($0, fraction: fraction, seed: seed) }
        guard count >= 2 else { return plain }
        let drawn = (0..<count).lazy.filter(plain).count
        guard drawn == 0 || drawn == count else { return plain }
        let order = (0..<count).map { (draw($0, seed: seed), $0) }
        let only = drawn == 0 ? order.min { $0 < $1 }?.1 : order.max { $0 < $1 }?.1
        return { ($0 == only) == (drawn == 0) }
    }

    /// A number from 0 up to 1.
    private static func draw(_ index: Int, seed: UInt64) -> Double {
        var mixed = (UInt64(truncatingIfNeeded: index) &+ 1) &* 0x9E37_79B9_7F4A_7C15 ^ seed
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return Double(mixed >> 11) * 0x1p-53
    }
}
