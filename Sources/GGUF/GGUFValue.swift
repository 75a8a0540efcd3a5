/// A value of a GGUF file's metadata: as many kinds as model files have.
package enum GGUFValue: Sendable, Hashable {
    case uint32(Int)
    case float32(Double)
    case bool(Bool)
    case string(String)
    case strings([String])
    case floats([Float])
    case integers([Int32])

    /// Type numbers of the format's version 3.
    private enum Kind {
        static let uint32: UInt32 = 4
        static let int32: UInt32 = 5
        static let float32: UInt32 = 6
        static let bool: UInt32 = 7
        static let string: UInt32 = 8
        static let array: UInt32 = 9
    }

    /// The type and the value as they stand in a file.
    var bytes: [UInt8] {
        switch self {
        case .uint32(let number): Kind.uint32.littleEndianBytes + UInt32(clamping: number).littleEndianBytes
        case .float32(let number): Kind.float32.littleEndianBytes + Float(number).bitPattern.littleEndianBytes
        case .bool(let flag): Kind.bool.littleEndianBytes + [flag ? 1 : 0]
        case .string(let text): Kind.string.littleEndianBytes + Self.bytes(of: text)
        case .strings(let texts): Self.head(Kind.string, texts.count) + texts.flatMap(Self.bytes)
        case .floats(let numbers): Self.head(Kind.float32, numbers.count) + numbers.flatMap(\.bitPattern.littleEndianBytes)
        case .integers(let numbers):
            Self.head(Kind.int32, numbers.count) + numbers.flatMap { UInt32(bitPattern: $0).littleEndianBytes }
        }
    }

    private static func head(_ kind: UInt32, _ count: Int) -> [UInt8] {
        Kind.array.littleEndianBytes + kind.littleEndianBytes + UInt64(count).littleEndianBytes
    }

    /// A string: its length in bytes, and no zero behind it.
    static func bytes(of text: String) -> [UInt8] { UInt64(text.utf8.count).littleEndianBytes + Array(text.utf8) }
}

extension FixedWidthInteger {
    /// The lowest byte first, as everything in a GGUF file stands.
    var littleEndianBytes: [UInt8] { (0..<(bitWidth / 8)).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) } }
}
