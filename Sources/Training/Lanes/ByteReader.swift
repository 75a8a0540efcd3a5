/// Reads what a ``ByteWriter`` wrote; nil where the bytes end.
package struct ByteReader {
    private let bytes: [UInt8]
    private var place = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    private mutating func word() -> UInt64? {
        guard bytes.count - place >= 8 else { return nil }
        defer { place += 8 }
        return (0..<8).reduce(0) { $0 | UInt64(bytes[place + $1]) << UInt64(8 * $1) }
    }

    package mutating func integer() -> Int? { word().map { Int(truncatingIfNeeded: $0) } }
    package mutating func number() -> Double? { word().map { Double(bitPattern: $0) } }
    package mutating func list() -> [UInt8]? {
        guard let count = integer(), count >= 0, count <= bytes.count - place else { return nil }
        defer { place += count }
        return Array(bytes[place..<place + count])
    }
    package mutating func text() -> String? { list().map { String(decoding: $0, as: UTF8.self) } }
}
