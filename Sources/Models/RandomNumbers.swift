/// Random numbers that depend on a seed and a name alone: a tensor gets the same values regardless
/// of what else is drawn.
///
/// SplitMix64 (Steele, Lea and Flood 2014), its state from an FNV-1a hash of the name.
struct RandomNumbers {
    private var state: UInt64

    init(seed: UInt64, name: String) {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        state = hash ^ (seed &* 0x9E37_79B9_7F4A_7C15)
    }

    /// What the seed and the name come to.
    var key: UInt64 { state }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Uniform in (0, 1].
    mutating func unit() -> Double { Double((next() >> 11) + 1) * 0x1p-53 }

    mutating func uniform(bound: Double, count: Int) -> [Float] { (0..<count).map { _ in Float((2 * unit() - 1) * bound) } }
}
