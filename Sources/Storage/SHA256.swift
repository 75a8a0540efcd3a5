import CCrypto
import CLinux
import Glibc

/// SHA-256 (FIPS 180-4) by libcrypto, in pieces.
package struct SHA256 {
    private final class Context {
        let pointer = EVP_MD_CTX_new()
        init() { EVP_DigestInit_ex(pointer, EVP_sha256(), nil) }
        deinit { EVP_MD_CTX_free(pointer) }
    }
    private let context = Context()

    package init() {}

    package func update(_ bytes: UnsafeRawBufferPointer) { EVP_DigestUpdate(context.pointer, bytes.baseAddress, bytes.count) }

    /// The digest in hexadecimal digits. Nothing can be added afterwards.
    package func finish() -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        EVP_DigestFinal_ex(context.pointer, &digest, nil)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

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
