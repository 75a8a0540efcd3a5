/// Philox4x32-10 (Salmon et al. 2011): random words that a key and a counter determine, so that a
/// draw does not depend on what was drawn before.
package enum Philox4x32 {
    /// The four words of a counter.
    package static func words(key: UInt64, counter: SIMD4<UInt32>) -> SIMD4<UInt32> {
        var (low, high) = (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32))
        var words = counter
        for _ in 0..<10 {
            let first = UInt64(words.x) * 0xD251_1F53
            let second = UInt64(words.z) * 0xCD9E_8D57
            words = SIMD4(
                UInt32(truncatingIfNeeded: second >> 32) ^ words.y ^ low, UInt32(truncatingIfNeeded: second),
                UInt32(truncatingIfNeeded: first >> 32) ^ words.w ^ high, UInt32(truncatingIfNeeded: first))
            low &+= 0x9E37_79B9
            high &+= 0xBB67_AE85
        }
        return words
    }

    /// A number of [0, 1) with 53 bits.
    package static func unit(key: UInt64, counter: SIMD4<UInt32>) -> Double {
        let words = words(key: key, counter: counter)
        return Double((UInt64(words.x) << 21) ^ (UInt64(words.y) >> 11)) * 0x1p-53
    }
}
