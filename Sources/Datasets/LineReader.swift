import Glibc
import Storage

/// The lines of a text file, read in blocks from one descriptor; the file is never mapped, so truncating it underneath cannot crash.
struct LineReader {
    private let descriptor: Int32
    private let path: String
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false
    /// Number of the last line that was returned.
    private(set) var lineNumber = 0

    static let lineLimit = 8 << 20

    /// - Throws: ``DatasetProblem`` if the file cannot be opened or is no regular file.
    init(path: String) throws(DatasetProblem) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw DatasetProblem(kind: "unreadable", file: path, "cannot be opened: \(String(cString: strerror(errno)))")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw DatasetProblem(kind: "unreadable", file: path, "is no regular file")
        }
    }

    func finish() { close(descriptor) }

    /// The next line without its end, or nil at the end of the file.
    mutating func next() throws(DatasetProblem) -> [UInt8]? {
        var searched = position
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                var line = buffer[position..<end]
                if line.last == UInt8(ascii: "\r") { line.removeLast() }
                position = end + 1
                lineNumber += 1
                return Array(line)
            }
            searched = buffer.count
            if isAtEnd {
                guard position < buffer.count else { return nil }
                let line = Array(buffer[position...])
                position = buffer.count
                lineNumber += 1
                return line
            }
            guard buffer.count - position <= Self.lineLimit else {
                throw DatasetProblem(
                    kind: "invalid_json", file: path, line: lineNumber + 1, "the line has more than \(Self.lineLimit) bytes")
            }
            buffer.removeSubrange(..<position)
            searched -= position
            position = 0
            let old = buffer.count
            let block = 1 << 20
            buffer.append(contentsOf: repeatElement(0, count: block))
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress.map { $0 + old }, block) }
            guard count >= 0 || errno == EINTR else {
                throw DatasetProblem(kind: "unreadable", file: path, "cannot be read: \(String(cString: strerror(errno)))")
            }
            buffer.removeLast(block - max(0, count))
            if count == 0 { isAtEnd = true }
        }
    }
}
