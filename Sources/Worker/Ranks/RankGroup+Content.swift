import Ranks
import Storage

/// What is as long as it is, from rank 0 to the others.
extension RankGroup {
    /// Bytes that go at one time.
    private static var pieceByteCount: Int { 16 << 20 }

    /// Makes rank 0's bytes everybody's.
    /// - Parameter bytes: rank 0's; of no meaning for others.
    func share(_ bytes: [UInt8]) throws -> [UInt8] {
        var shared = try [UInt8](repeating: 0, count: shareCount(bytes.count))
        if rank == 0 { shared = bytes }
        try shared.withUnsafeMutableBytes { try pieces(of: $0) { try broadcast($0) } }
        return shared
    }

    func share(_ text: String) throws -> String { String(decoding: try share(Array(text.utf8)), as: UTF8.self) }

    /// Sends a file's bytes; rank 0's.
    /// - Parameter bytes: there until this returns.
    func send(_ bytes: UnsafeRawBufferPointer) throws {
        _ = try shareCount(bytes.count)
        // Who sends is only read.
        try pieces(of: UnsafeMutableRawBufferPointer(mutating: bytes)) { try broadcast($0) }
    }

    /// Sends a file's bytes, which are there as long as the file; rank 0's.
    func send(_ file: MappedFile) throws { try withExtendedLifetime(file) { try send(file.bytes) } }

    /// Writes the bytes of a file that rank 0 sends to a new file; the others'.
    func receive(toNew path: String) throws {
        var rest = try shareCount(0)
        let file = try NewFile(path, mode: 0o600)
        var piece = [UInt8](repeating: 0, count: min(rest, Self.pieceByteCount))
        while rest > 0 {
            if rest < piece.count { piece.removeLast(piece.count - rest) }
            try piece.withUnsafeMutableBytes { try broadcast($0) }
            try file.append(piece)
            rest -= piece.count
        }
        try file.finish()
    }

    private func shareCount(_ count: Int) throws -> Int {
        var count = Int64(count)
        try withUnsafeMutableBytes(of: &count) { try broadcast($0) }
        return Int(count)
    }

    private func pieces(of bytes: UnsafeMutableRawBufferPointer, _ body: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
        for start in stride(from: 0, to: bytes.count, by: Self.pieceByteCount) {
            try body(UnsafeMutableRawBufferPointer(rebasing: bytes[start..<min(bytes.count, start + Self.pieceByteCount)]))
        }
    }
}
