/// Numbers and texts one behind the other, as ranks send them to each other.
package struct ByteWriter {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    static func bytes(_ integers: [Int]) -> [UInt8] {
        var writer = ByteWriter()
        for integer in integers { writer.add(integer) }
        return writer.bytes
    }

    package mutating func add(_ integer: Int) { withUnsafeBytes(of: Int64(integer).littleEndian) { bytes += $0 } }
    /// Its bit pattern.
    package mutating func add(_ number: Double) { withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes += $0 } }
    package mutating func add(_ list: [UInt8]) {
        add(list.count)
        bytes += list
    }
    package mutating func add(_ text: String) { add(Array(text.utf8)) }
}
