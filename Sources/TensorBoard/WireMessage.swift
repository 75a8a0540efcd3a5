/// A message in the wire format of protocol buffers: as much of it as events of scalars need.
struct WireMessage {
    private(set) var bytes: [UInt8] = []

    private static let varint: UInt64 = 0
    private static let eightBytes: UInt64 = 1
    private static let lengthDelimited: UInt64 = 2
    private static let fourBytes: UInt64 = 5

    private mutating func add(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func add(_ field: UInt64, _ number: Int) {
        add(field << 3 | Self.varint)
        add(UInt64(bitPattern: Int64(number)))
    }

    mutating func add(_ field: UInt64, _ number: Double) {
        add(field << 3 | Self.eightBytes)
        bytes += (0..<8).map { UInt8(truncatingIfNeeded: number.bitPattern >> ($0 * 8)) }
    }

    mutating func add(_ field: UInt64, _ number: Float) {
        add(field << 3 | Self.fourBytes)
        bytes += (0..<4).map { UInt8(truncatingIfNeeded: number.bitPattern >> ($0 * 8)) }
    }

    mutating func add(_ field: UInt64, _ content: some Collection<UInt8>) {
        add(field << 3 | Self.lengthDelimited)
        add(UInt64(content.count))
        bytes += content
    }

    /// The fields of a message with their values: numbers as they are, others as bytes; nil if it
    /// is cut or is none.
    static func fields(_ message: [UInt8]) -> [(field: UInt64, number: UInt64, content: ArraySlice<UInt8>)]? {
        var fields: [(UInt64, UInt64, ArraySlice<UInt8>)] = []
        var rest = message[...]
        func number() -> UInt64? {
            var (value, shift): (UInt64, UInt64) = (0, 0)
            while let byte = rest.popFirst(), shift < 64 {
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
            return nil
        }
        while !rest.isEmpty {
            guard let tag = number() else { return nil }
            switch tag & 7 {
            case varint:
                guard let value = number() else { return nil }
                fields.append((tag >> 3, value, []))
            case eightBytes, fourBytes, lengthDelimited:
                let wanted = tag & 7 == eightBytes ? 8 : tag & 7 == fourBytes ? 4 : number()
                guard let wanted, wanted <= UInt64(rest.count) else { return nil }
                fields.append((tag >> 3, 0, rest.prefix(Int(wanted))))
                rest = rest.dropFirst(Int(wanted))
            default: return nil
            }
        }
        return fields
    }
}
