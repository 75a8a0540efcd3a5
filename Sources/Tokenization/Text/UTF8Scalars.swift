/// Reading the scalars of UTF-8 that is known to be valid, as a Swift string's is.
enum UTF8Scalars {
    /// Bytes of a scalar by its first byte.
    @inline(__always) static func width(_ lead: UInt8) -> Int { lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4 }

    /// The scalar that begins at `position`, which lies before `end`; what is cut off at the end
    /// reads as U+FFFD.
    @inline(__always) static func scalar(_ bytes: UnsafeBufferPointer<UInt8>, _ position: Int, _ end: Int) -> UInt32 {
        let lead = bytes[position]
        if lead < 0x80 { return UInt32(lead) }
        let width = width(lead)
        guard position + width <= end else { return 0xFFFD }
        switch width {
        case 2: return UInt32(lead & 0x1F) << 6 | UInt32(bytes[position + 1] & 0x3F)
        case 3: return UInt32(lead & 0x0F) << 12 | UInt32(bytes[position + 1] & 0x3F) << 6 | UInt32(bytes[position + 2] & 0x3F)
        default:
            return UInt32(lead & 0x07) << 18 | UInt32(bytes[position + 1] & 0x3F) << 12 | UInt32(bytes[position + 2] & 0x3F) << 6
                | UInt32(bytes[position + 3] & 0x3F)
        }
    }

    /// Where the scalar before `position` begins; `position` lies behind `start`.
    @inline(__always) static func before(_ bytes: UnsafeBufferPointer<UInt8>, _ position: Int, _ start: Int) -> Int {
        var index = position - 1
        while index > start, bytes[index] & 0xC0 == 0x80 { index -= 1 }
        return index
    }

    /// Appends a scalar's bytes.
    static func append(_ code: UInt32, to bytes: inout [UInt8]) {
        switch code {
        case 0..<0x80: bytes.append(UInt8(truncatingIfNeeded: code))
        case 0x80..<0x800:
            bytes.append(0xC0 | UInt8(truncatingIfNeeded: code >> 6))
            bytes.append(0x80 | UInt8(truncatingIfNeeded: code & 0x3F))
        case 0x800..<0x10000:
            bytes.append(0xE0 | UInt8(truncatingIfNeeded: code >> 12))
            bytes.append(0x80 | UInt8(truncatingIfNeeded: code >> 6 & 0x3F))
            bytes.append(0x80 | UInt8(truncatingIfNeeded: code & 0x3F))
        default:
            bytes.append(0xF0 | UInt8(truncatingIfNeeded: code >> 18 & 0x07))
            bytes.append(0x80 | UInt8(truncatingIfNeeded: code >> 12 & 0x3F))
            bytes.append(0x80 | UInt8(truncatingIfNeeded: code >> 6 & 0x3F))
            bytes.append(0x80 | UInt8(truncatingIfNeeded: code & 0x3F))
        }
    }

    /// The scalars with the ranges of bytes where they stand.
    static func decoded(_ bytes: [UInt8]) -> (scalars: [UInt32], starts: [Int]) {
        var scalars: [UInt32] = []
        var starts: [Int] = []
        scalars.reserveCapacity(bytes.count)
        starts.reserveCapacity(bytes.count + 1)
        bytes.withUnsafeBufferPointer { buffer in
            var position = 0
            while position < buffer.count {
                scalars.append(scalar(buffer, position, buffer.count))
                starts.append(position)
                position += width(buffer[position])
            }
        }
        starts.append(bytes.count)
        return (scalars, starts)
    }
}
