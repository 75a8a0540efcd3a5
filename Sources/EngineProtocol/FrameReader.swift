/// Messages between the front and an engine: four bytes with a length, the lowest first, then so
/// many bytes of JSON.
package struct FrameReader: Sendable {
    /// Bytes of a message at most: a request's body is shorter, but as a message it may have grown,
    /// by escapes and by what is said twice.
    package static let limit = 32 << 20
    private var bytes: [UInt8] = []
    private var start = 0

    package init() {}

    /// Bytes that came.
    package mutating func append(_ more: some Collection<UInt8>) {
        if start > 0, start == bytes.count || start > 1 << 16 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes.append(contentsOf: more)
    }

    /// The next message, if all of it is there.
    /// - Throws: ``FrameError`` for one that is too long: nothing after it can be read.
    package mutating func next() throws(FrameError) -> [UInt8]? {
        guard bytes.count - start >= 4 else { return nil }
        let length = (0..<4).reduce(0) { $0 | Int(bytes[start + $1]) << (8 * $1) }
        guard length <= Self.limit else { throw .tooLong(length) }
        guard bytes.count - start - 4 >= length else { return nil }
        defer { start += 4 + length }
        return Array(bytes[(start + 4)..<(start + 4 + length)])
    }

    /// A message with its length in front.
    package static func frame(_ content: [UInt8]) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: content.count >> (8 * $0)) } + content
    }
}

package enum FrameError: Error, Sendable, Hashable, CustomStringConvertible {
    case tooLong(Int)

    package var description: String {
        switch self {
        case .tooLong(let length): "a message of \(length) bytes, but \(FrameReader.limit) are the most"
        }
    }
}
