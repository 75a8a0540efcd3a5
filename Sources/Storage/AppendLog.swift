import CLinux
import Glibc
import JSON

/// A file that grows by whole lines: one write a line, so that a reader and a crash see whole lines
/// but for the last.
///
/// Several processes may append to one log, each with a log of its own: a line is written under a
/// lock, after what another one has left unfinished has been cut off.
package final class AppendLog {
    private let descriptor: Int32
    private let path: String
    /// Size up to which lines have been counted, and their number.
    private var seenBytes = 0
    private var seenLines = 0

    /// Opens or creates the log and cuts off an unfinished last line.
    /// - Throws: ``StorageError``.
    package init(path: String) throws(StorageError) {
        self.path = path
        descriptor = try DurableFiles.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o644)
        try locked { () throws(StorageError) in try catchUp() }
    }

    deinit { close(descriptor) }

    package func append(_ line: String) throws(StorageError) { try append { _ in line } }

    /// Appends the line that `body` makes from its number, counted from 1.
    package func append(_ body: (_ number: Int) -> String) throws(StorageError) {
        try locked { () throws(StorageError) in
            try catchUp()
            let bytes = Array((body(seenLines + 1) + "\n").utf8)
            do throws(StorageError) {
                try bytes.withBytes { buffer throws(StorageError) in
                    try DurableFiles.writeAll(UnsafeRawBufferPointer(buffer), to: descriptor, path: path)
                }
            } catch {
                // Half a line must not stand before the next one.
                _ = try? CurrentFileSystem.value.perform(.truncate(descriptor, byteCount: seenBytes, path: path))
                throw error
            }
            seenBytes += bytes.count
            seenLines += 1
        }
    }

    package func sync() throws(StorageError) {
        _ = try CurrentFileSystem.value.perform(.sync(descriptor, path: path, isFolder: false))
    }

    private func locked(_ body: () throws(StorageError) -> Void) throws(StorageError) {
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw StorageError(operation: "lock", path: path) }
        }
        defer { flock(descriptor, LOCK_UN) }
        try body()
    }

    /// Counts the lines that others have written since, and cuts off an unfinished one.
    private func catchUp() throws(StorageError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw StorageError(operation: "stat", path: path) }
        let size = Int(status.st_size)
        if size == seenBytes { return }
        if size < seenBytes { (seenBytes, seenLines) = (0, 0) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var (place, lineEnd, lines) = (seenBytes, seenBytes, seenLines)
        while place < size {
            let count = pread(descriptor, &buffer, min(buffer.count, size - place), place)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw StorageError(operation: "read", path: path) }
            if count == 0 { break }
            for index in 0..<count where buffer[index] == UInt8(ascii: "\n") {
                lines += 1
                lineEnd = place + index + 1
            }
            place += count
        }
        if lineEnd < size { _ = try CurrentFileSystem.value.perform(.truncate(descriptor, byteCount: lineEnd, path: path)) }
        (seenBytes, seenLines) = (lineEnd, lines)
    }
}
