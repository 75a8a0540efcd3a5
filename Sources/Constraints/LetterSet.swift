/// A set of letters of UTF-8: each of ASCII for itself, the others by their first bytes, all that
/// begin alike or none.
struct LetterSet: Sendable, Hashable {
    private var (low, high, wide): (UInt64, UInt64, UInt64) = (0, 0, 0)

    /// The bytes that begin letters beyond ASCII.
    static let wideBytes: ClosedRange<UInt8> = 0xC2...0xF4

    /// Adds a letter by its first byte; what begins none is left out.
    mutating func insert(_ byte: UInt8) {
        if byte < 64 {
            low |= 1 << UInt64(byte)
        } else if byte < 128 {
            high |= 1 << UInt64(byte - 64)
        } else if Self.wideBytes.contains(byte) {
            wide |= 1 << UInt64(byte - Self.wideBytes.lowerBound)
        }
    }

    mutating func formUnion(_ other: LetterSet) {
        low |= other.low
        high |= other.high
        wide |= other.wide
    }

    func isSubset(of other: LetterSet) -> Bool { low & ~other.low | high & ~other.high | wide & ~other.wide == 0 }
}
