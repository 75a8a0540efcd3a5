import Glibc

/// Tokens of words seen before. Of bounded size: a word takes the place of another whose hash is
/// the same.
///
/// Used by one thread at a time.
final class WordCache {
    static let longestWord = 32
    static let mostTokens = 8
    private static let slotCount = 1 << 14

    private typealias Key = (UInt64, UInt64, UInt64, UInt64)
    private struct Slot {
        var key: Key = (0, 0, 0, 0)
        /// Length of the word in bytes; 0 for an empty slot.
        var length: UInt8 = 0
        var count: UInt8 = 0
        var ids: (Int32, Int32, Int32, Int32, Int32, Int32, Int32, Int32) = (0, 0, 0, 0, 0, 0, 0, 0)
        var ends: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0, 0, 0, 0, 0)
    }
    private let slots: UnsafeMutablePointer<Slot>

    init() {
        slots = .allocate(capacity: Self.slotCount)
        slots.initialize(repeating: Slot(), count: Self.slotCount)
    }

    deinit { slots.deallocate() }

    @inline(__always) private static func key(_ word: UnsafeBufferPointer<UInt8>) -> Key {
        var key: Key = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &key) { room in
            if let from = word.baseAddress, let to = room.baseAddress { memcpy(to, from, word.count) }
        }
        return key
    }

    @inline(__always) private static func index(_ key: Key) -> Int {
        var hash = key.0 &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 29
        hash = (hash &+ key.1) &* 0xBF58_476D_1CE4_E5B9
        hash ^= hash >> 32
        hash = (hash &+ key.2 &+ (key.3 << 7)) &* 0x94D0_49BB_1331_11EB
        return Int(truncatingIfNeeded: (hash ^ hash >> 31) >> 13) & (slotCount - 1)
    }

    /// Appends the tokens of a word that is known.
    /// - Returns: whether it was.
    @inline(__always) func find(_ word: UnsafeBufferPointer<UInt8>, at place: Int, into output: inout TokenOutput) -> Bool {
        let key = Self.key(word)
        let slot = slots + Self.index(key)
        guard Int(slot.pointee.length) == word.count, slot.pointee.key == key else { return false }
        let count = Int(slot.pointee.count)
        withUnsafeBytes(of: &slot.pointee.ids) { ids in
            let ids = ids.assumingMemoryBound(to: Int32.self)
            for index in 0..<count { output.ids.append(ids[index]) }
        }
        if output.wantsRanges {
            withUnsafeBytes(of: &slot.pointee.ends) { ends in
                var start = place
                for index in 0..<count {
                    output.ranges.append(start..<(place + Int(ends[index])))
                    start = place + Int(ends[index])
                }
            }
        }
        return true
    }

    /// Keeps a word's tokens, if they are few and cover it without a gap.
    func keep(_ word: UnsafeBufferPointer<UInt8>, _ symbols: [Symbol]) {
        guard symbols.count <= Self.mostTokens else { return }
        var end: Int32 = 0
        for symbol in symbols {
            guard symbol.start == end, symbol.end > end || symbol.end == end else { return }
            end = symbol.end
        }
        let key = Self.key(word)
        let slot = slots + Self.index(key)
        slot.pointee.key = key
        slot.pointee.length = UInt8(truncatingIfNeeded: word.count)
        slot.pointee.count = UInt8(truncatingIfNeeded: symbols.count)
        withUnsafeMutableBytes(of: &slot.pointee.ids) { ids in
            let ids = ids.assumingMemoryBound(to: Int32.self)
            for (index, symbol) in symbols.enumerated() { ids[index] = symbol.id }
        }
        withUnsafeMutableBytes(of: &slot.pointee.ends) { ends in
            for (index, symbol) in symbols.enumerated() { ends[index] = UInt8(truncatingIfNeeded: symbol.end) }
        }
    }
}

/// Tokens as they are made, with their places where those are wanted.
struct TokenOutput {
    var ids: [Int32] = []
    /// Ranges of the text in work, before they are turned into ranges of the original.
    var ranges: [Range<Int>] = []
    let wantsRanges: Bool
}

/// What one encoding uses and the next can use again.
struct EncodingState {
    var scratch = EncodingScratch()
    let cache = WordCache()
}
