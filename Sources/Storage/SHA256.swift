import CCrypto
import CLinux
import Glibc

/// SHA-256 (FIPS 180-4) by libcrypto, in pieces.
package struct SHA256 {
    private let context = DigestContext(EVP_sha256(), byteCount: 32)

    package init() {}

    package func update(_ bytes: UnsafeRawBufferPointer) { context.update(bytes) }

    /// The digest in hexadecimal digits. Nothing can be added afterwards.
    package func finish() -> String { context.finish() }

    package static func hexadecimal(of bytes: some Sequence<UInt8>) -> String {
        let hash = SHA256()
        Array(bytes).withUnsafeBytes { hash.update($0) }
        return hash.finish()
    }

    /// The digest of a file's content, read in pieces.
    /// - Parameter followsLinks: for files of others, which a download cache may keep behind links;
    ///   where this program's own files should be, a link is an error.
    package static func hexadecimal(ofFile path: String, followsLinks: Bool = false) throws(StorageError) -> String {
        let descriptor = try DurableFiles.open(path, O_RDONLY | O_CLOEXEC | (followsLinks ? O_NONBLOCK : O_NOFOLLOW))
        defer { close(descriptor) }
        let hash = SHA256()
        try DurableFiles.pieces(descriptor, path) { bytes throws(StorageError) in hash.update(bytes) }
        return hash.finish()
    }
}
