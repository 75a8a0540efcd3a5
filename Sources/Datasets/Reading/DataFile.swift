import Glibc
import Storage

/// The bytes of a data file, unpacked where it is gzip'd, read in blocks from one descriptor and
/// hashed on the way.
///
/// The file is never mapped: truncating it underneath cannot crash.
final class DataFile {
    /// The name for messages.
    let name: String
    let byteCount: Int
    let isCompressed: Bool
    /// Bytes of the file (not of its unpacked text) that were read.
    private(set) var bytesRead = 0
    private let descriptor: Int32
    private let path: String
    private let identity: FileIdentity
    private let hash = SHA256()
    private var isAtEnd = false
    private var gzip: GzipStream?
    private var packed: [UInt8] = []
    private var packedPosition = 0

    /// - Throws: ``DatasetProblem`` if the file cannot be opened, is not a regular file or does not
    ///   contain text.
    init(path: String, name: String) throws(DatasetProblem) {
        self.path = path
        self.name = name
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let number = errno
            var problem = DatasetProblem(kind: "unreadable", file: name, "cannot be opened: \(String(cString: strerror(number)))")
            problem.errorNumber = number
            throw problem
        }
        guard let identity = FileIdentity(descriptor: descriptor), identity.isRegular else {
            close(descriptor)
            throw DatasetProblem(kind: "unreadable", file: name, "is not a regular file")
        }
        self.identity = identity
        byteCount = identity.byteCount
        var beginning = [UInt8](repeating: 0, count: 8)
        let count = pread(descriptor, &beginning, beginning.count, 0)
        let kind = FileBeginning.kind(of: Array(beginning.prefix(max(0, count))))
        isCompressed = kind == .gzip && name.hasSuffix(".gz")
        if isCompressed { gzip = GzipStream() }
        if let fault = isCompressed ? nil : kind.fault(name: name) {
            // All properties have their values by now, so deinit runs and closes the file. Closed
            // here as well, its number could be another thread's file already.
            throw DatasetProblem(kind: "unreadable", file: name, line: 1, found: fault.found, expected: fault.expected, fault.message)
        }
    }

    deinit { close(descriptor) }

    /// Reads the next bytes of the text.
    /// - Returns: their number, 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(DatasetProblem) -> Int {
        guard let gzip else { return try readFile(into: buffer) }
        while true {
            if packedPosition == packed.count, !isAtEnd {
                if packed.count != 1 << 18 { packed = Array(repeating: 0, count: 1 << 18) }
                let count = try packed.withMutableBytes { memory throws(DatasetProblem) in try readFile(into: memory) }
                packedPosition = 0
                if count < packed.count { packed.removeLast(packed.count - count) }
            }
            if packedPosition == packed.count, isAtEnd {
                guard gzip.isComplete else { throw problem("the gzip data ends too early: the file is cut short") }
                return 0
            }
            let position = packedPosition
            do throws(GzipStream.Failure) {
                let (taken, written) = try packed.withMutableBytes { memory throws(GzipStream.Failure) in
                    try gzip.unpack(UnsafeRawBufferPointer(rebasing: memory[position...]), into: buffer)
                }
                packedPosition += taken
                if written > 0 { return written }
                if taken == 0 { throw GzipStream.Failure.damaged }
            } catch {
                switch error {
                case .damaged: throw problem("the gzip data is damaged")
                case .trailingBytes: throw problem("data that is not gzip follows the gzip data")
                }
            }
        }
    }

    private func problem(_ message: String) -> DatasetProblem { DatasetProblem(kind: "unreadable", file: name, message) }

    private func readFile(into buffer: UnsafeMutableRawBufferPointer) throws(DatasetProblem) -> Int {
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw problem("cannot be read: \(String(cString: strerror(errno)))")
            }
            if count == 0 { isAtEnd = true }
            bytesRead += count
            hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            return count
        }
    }

    /// The digest of the file's bytes, once all have been read.
    /// - Throws: ``DatasetProblem`` of kind `data_changed` if the file is not what it was when it
    ///   was opened.
    func finish() throws(DatasetProblem) -> String {
        // What stands behind a fault is read for the digest's sake.
        let rest = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
        defer { rest.deallocate() }
        while try readFile(into: rest) > 0 {}
        guard FileIdentity(descriptor: descriptor) == identity, bytesRead == identity.byteCount else {
            throw DatasetProblem(
                kind: "data_changed", file: name, "was changed while it was read: write data elsewhere and rename it into place")
        }
        return hash.finish()
    }
}

extension Array where Element == UInt8 {
    /// Calls a function with the array's memory, keeping the type of what it throws.
    mutating func withMutableBytes<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var outcome: Swift.Result<Result, Failure>?
        withUnsafeMutableBytes { buffer in
            do throws(Failure) { outcome = .success(try body(buffer)) } catch { outcome = .failure(error) }
        }
        switch outcome {
        case .success(let result)?: return result
        case .failure(let failure)?: throw failure
        // The buffer's function has run exactly once.
        case nil: return try body(UnsafeMutableRawBufferPointer(start: nil, count: 0))
        }
    }
}
