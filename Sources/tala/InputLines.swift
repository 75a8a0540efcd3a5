import CommandLineTools
import Glibc

/// The lines of a file or of standard input, one after the other.
final class InputLines {
    private let descriptor: Int32
    private var bytes: [UInt8] = []
    private var number = 0
    private var isAtEnd = false
    /// Bytes of a line.
    private static let limit = 8 << 20

    /// - Parameter path: nil: standard input.
    /// - Throws: ``CommandFailure`` where the file cannot be opened.
    init(path: String?) throws(CommandFailure) {
        descriptor = path.map { open($0, O_RDONLY | O_CLOEXEC) } ?? STDIN_FILENO
        guard descriptor >= 0 else {
            throw CommandFailure(.notFound, "\(path ?? "") cannot be opened: \(String(cString: strerror(errno)))")
        }
    }

    deinit { if descriptor != STDIN_FILENO { close(descriptor) } }

    /// Whether somebody types the lines.
    var isInteractive: Bool { isatty(descriptor) == 1 }

    /// The next line without its end, and its number from 1; nil at the end.
    /// - Throws: ``CommandFailure`` where the file cannot be read, or a line is too long or no
    ///   UTF-8.
    func next() throws(CommandFailure) -> (text: String, number: Int)? {
        while true {
            if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) ?? (isAtEnd && !bytes.isEmpty ? bytes.count : nil) {
                number += 1
                var line = Array(bytes[..<end])
                if line.last == 0x0D { line.removeLast() }
                bytes.removeFirst(min(end + 1, bytes.count))
                guard let text = String(validating: line, as: UTF8.self) else {
                    throw CommandFailure(.invalid, "line \(number) is not valid UTF-8")
                }
                return (text, number)
            }
            if isAtEnd { return nil }
            guard bytes.count <= Self.limit else { throw CommandFailure(.invalid, "line \(number + 1) has more than \(Self.limit) bytes") }
            var block = [UInt8](repeating: 0, count: 1 << 16)
            let count = read(descriptor, &block, block.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw CommandFailure(.failed, "the lines cannot be read: \(String(cString: strerror(errno)))") }
            if count == 0 { isAtEnd = true }
            bytes += block[..<count]
        }
    }
}
