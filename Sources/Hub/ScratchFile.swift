import CLinux
import Glibc
import Storage

/// A nameless file in memory for what goes to another program or comes from it: nobody else can
/// open it, and it is gone with its descriptor.
final class ScratchFile {
    let descriptor: Int32

    /// - Throws: ``StorageError``.
    init(_ text: String = "") throws(StorageError) {
        descriptor = tala_memory_file("tala")
        guard descriptor >= 0 else { throw StorageError(operation: "create", path: "a file in memory") }
        let bytes = Array(text.utf8)
        guard pwrite(descriptor, bytes, bytes.count, 0) == bytes.count else {
            throw StorageError(operation: "write", path: "a file in memory")
        }
    }

    deinit { close(descriptor) }

    /// What another program has written into it, as far as it is a message.
    var text: String {
        var buffer = [UInt8](repeating: 0, count: 2048)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}
