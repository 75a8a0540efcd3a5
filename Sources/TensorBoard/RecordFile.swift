/// TFRecord: records behind each other, each with its length, a checksum of the length, its bytes,
/// and a checksum of those. All numbers are little-endian.
package enum RecordFile {
    private static let headCount = 12

    /// A record as it stands in a file.
    package static func framed(_ record: [UInt8]) -> [UInt8] {
        let length = bytes(of: UInt64(record.count))
        return length + bytes(of: CRC32C.masked(length)) + record + bytes(of: CRC32C.masked(record))
    }

    /// The records of a file up to the first that is cut or damaged.
    package static func records(_ file: [UInt8]) -> [[UInt8]] {
        var records: [[UInt8]] = []
        var rest = file[...]
        while rest.count >= headCount + 4 {
            let head = rest.prefix(8)
            let length = number(head)
            guard CRC32C.masked(head) == UInt32(truncatingIfNeeded: number(rest.dropFirst(8).prefix(4))),
                length <= UInt64(rest.count - headCount - 4)
            else { break }
            let record = rest.dropFirst(headCount).prefix(Int(length))
            let sum = rest.dropFirst(headCount + Int(length)).prefix(4)
            guard CRC32C.masked(record) == UInt32(truncatingIfNeeded: number(sum)) else { break }
            records.append(Array(record))
            rest = rest.dropFirst(headCount + Int(length) + 4)
        }
        return records
    }

    private static func bytes(of number: some FixedWidthInteger) -> [UInt8] {
        (0..<(number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }

    private static func number(_ bytes: some Collection<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
