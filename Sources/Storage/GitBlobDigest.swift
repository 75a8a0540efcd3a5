import CCrypto
import CLinux
import Glibc

/// The name that git gives to a file's content: SHA-1 over `blob SIZE`, a zero and the bytes.
///
/// SHA-1 no longer withstands somebody who makes two files for one digest. It tells a damaged
/// download from a whole one, and that is what it is used for.
package enum GitBlobDigest {
    /// - Throws: ``StorageError`` if the file cannot be read.
    package static func hexadecimal(ofFile path: String) throws(StorageError) -> String {
        let descriptor = try DurableFiles.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw StorageError(operation: "stat", path: path) }
        let context = DigestContext(EVP_sha1(), byteCount: 20)
        Array("blob \(status.st_size)\0".utf8).withUnsafeBytes { context.update($0) }
        try DurableFiles.pieces(descriptor, path) { bytes throws(StorageError) in context.update(bytes) }
        return context.finish()
    }
}
