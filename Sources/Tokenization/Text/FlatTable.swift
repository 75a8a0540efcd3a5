/// A hash table from 64-bit keys to 64-bit values, laid out flat and never changed after it is
/// built: one look-up is one or two reads of memory.
final class FlatTable: @unchecked Sendable {
    // invariant: written in init alone, so reading from any thread is safe.
    private let slots: UnsafeMutablePointer<(key: UInt64, value: UInt64)>
    private let mask: Int
    private let shift: UInt64
    /// A key that must not be used: it marks an empty slot.
    static let reserved = UInt64.max

    init(_ entries: [(key: UInt64, value: UInt64)]) {
        var bits: UInt64 = 4
        while 1 << bits < entries.count * 2 { bits += 1 }
        let capacity = 1 << Int(bits)
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: (Self.reserved, 0), count: capacity)
        mask = capacity - 1
        shift = 64 - bits
        for entry in entries {
            var index = Int(truncatingIfNeeded: (entry.key &* 0x9E37_79B9_7F4A_7C15) >> shift)
            while slots[index].key != Self.reserved, slots[index].key != entry.key { index = (index + 1) & mask }
            slots[index] = entry
        }
    }

    deinit { slots.deallocate() }

    @inline(__always) subscript(key: UInt64) -> UInt64? {
        var index = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> shift)
        while true {
            let slot = slots[index]
            if slot.key == key { return slot.value }
            if slot.key == Self.reserved { return nil }
            index = (index + 1) & mask
        }
    }
}
