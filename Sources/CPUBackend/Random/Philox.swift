/// Philox4x32-10 (Salmon et al. 2011), eight counters at a time.
struct Philox {
    let key: (UInt32, UInt32)
    let stream: UInt32
    let step: UInt32
    let microBatch: UInt32

    private typealias Words = SIMD8<UInt64>

    /// Writes at least `wordCount` words (up to 31 more): those of `counter`, `counter + 1`, ...
    /// four each.
    func fill(_ target: UnsafeMutablePointer<UInt32>, from counter: UInt64, wordCount: Int) {
        var done = 0
        var counter = counter
        while done < wordCount {
            let words = eight(from: counter)
            UnsafeMutableRawPointer(target + done).storeBytes(of: words, as: SIMD16<UInt64>.self)
            counter &+= 8
            done += 32
        }
    }

    /// The words of eight counters, in order, two in each number.
    @inline(__always) private func eight(from counter: UInt64) -> SIMD16<UInt64> {
        let low = Words(repeating: 0xffff_ffff)
        var c0 = (Words(repeating: counter) &+ Words(0, 1, 2, 3, 4, 5, 6, 7)) & low
        var c1 = Words(repeating: UInt64(stream))
        var c2 = Words(repeating: UInt64(step))
        var c3 = Words(repeating: UInt64(microBatch))
        var (k0, k1) = key
        for _ in 0..<10 {
            let first = (c0 & low) &* Words(repeating: 0xD251_1F53)
            let second = (c2 & low) &* Words(repeating: 0xCD9E_8D57)
            c0 = (second &>> 32) ^ c1 ^ Words(repeating: UInt64(k0))
            c1 = second & low
            c2 = (first &>> 32) ^ c3 ^ Words(repeating: UInt64(k1))
            c3 = first & low
            k0 &+= 0x9E37_79B9
            k1 &+= 0xBB67_AE85
        }
        var words = SIMD16<UInt64>()
        words.evenHalf = c0 | (c1 &<< 32)
        words.oddHalf = c2 | (c3 &<< 32)
        return words
    }
}
