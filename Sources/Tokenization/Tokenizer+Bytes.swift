extension Tokenizer {
    /// The bytes that a token stands for, also where they are a part of a character.
    package func bytes(of id: Int32) -> [UInt8] {
        let text = decode([id], skipSpecialTokens: false)
        guard text.unicodeScalars.contains("\u{FFFD}"), !isAdded(id), let stored = token(of: id) else { return Array(text.utf8) }
        return ByteTokens.byte(of: stored).map { [$0] } ?? ByteAlphabet.bytes(of: stored) ?? Array(text.utf8)
    }
}
