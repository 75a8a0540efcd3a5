/// The names of tokens that stand for one byte where the vocabulary lacks a character: `<0x41>` is
/// the byte 65.
enum ByteTokens {
    static func name(of byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "<0x" + (digits.utf8.count == 1 ? "0" : "") + digits + ">"
    }

    static func byte(of token: String) -> UInt8? {
        let utf8 = Array(token.utf8)
        guard utf8.count == 6, token.hasPrefix("<0x"), utf8[5] == UInt8(ascii: ">") else { return nil }
        return UInt8(String(decoding: utf8[3..<5], as: UTF8.self), radix: 16)
    }

    /// The ids of the 256 byte tokens, -1 where the vocabulary has none.
    static func ids(in vocabulary: Vocabulary) -> [Int32] { (0..<256).map { vocabulary.id(of: name(of: UInt8($0))) ?? -1 } }
}
