/// Kinds of tokens (`tokenizer.ggml.token_type`).
enum GGUFTokenKind {
    static let normal: Int32 = 1
    static let unknown: Int32 = 2
    /// Special: never found in what people write by llama.cpp unless it is asked to.
    static let control: Int32 = 3
    /// Added, but not special.
    static let userDefined: Int32 = 4
    static let unused: Int32 = 5
    static let byte: Int32 = 6

    /// `<0x0A>`.
    static func isByte(_ text: String) -> Bool { text.utf8.count == 6 && text.hasPrefix("<0x") && text.hasSuffix(">") }
}
