import CCrypto

/// A digest that libcrypto computes piece by piece.
final class DigestContext {
    private let pointer = EVP_MD_CTX_new()
    private let byteCount: Int

    /// - Parameter byteCount: bytes of the algorithm's digest.
    init(_ algorithm: OpaquePointer?, byteCount: Int) {
        self.byteCount = byteCount
        EVP_DigestInit_ex(pointer, algorithm, nil)
    }

    deinit { EVP_MD_CTX_free(pointer) }

    func update(_ bytes: UnsafeRawBufferPointer) { EVP_DigestUpdate(pointer, bytes.baseAddress, bytes.count) }

    /// The digest in hexadecimal digits. Nothing can be added afterwards.
    func finish() -> String {
        var digest = [UInt8](repeating: 0, count: byteCount)
        EVP_DigestFinal_ex(pointer, &digest, nil)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
