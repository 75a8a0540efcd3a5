/// Turns tokens into text as they come, without ever taking back what was given out.
///
/// A token may hold a part of a character, and a decoder may treat the first token otherwise than
/// the rest; so each piece is what decoding a window of tokens gives beyond what it gave before,
/// held back while it ends in an unfinished character.
package struct TextStream: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecialTokens: Bool
    private var window: [Int32] = []
    /// How many tokens of the window have been given out, and the bytes they decode to within it.
    private var settledCount = 0
    private var settledText: [UInt8] = []

    package init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool = true) {
        self.tokenizer = tokenizer
        skipsSpecialTokens = skipSpecialTokens
    }

    /// The text that this token settles; empty while a character is unfinished.
    package mutating func append(_ id: Int32) -> String {
        window.append(id)
        let text = tokenizer.decode(window, skipSpecialTokens: skipsSpecialTokens)
        let bytes = Array(text.utf8)
        guard bytes.starts(with: settledText) else {
            // Bytes that came later have spoilt those given out before: go on without them.
            window.removeFirst(settledCount)
            (settledCount, settledText) = (0, [])
            let rest = tokenizer.decode(window, skipSpecialTokens: skipsSpecialTokens)
            if Self.endsUnfinished(Array(rest.utf8)) { return "" }
            settledCount = window.count
            settledText = Array(rest.utf8)
            return rest
        }
        guard bytes.count > settledText.count, !Self.endsUnfinished(bytes) else { return "" }
        let piece = String(decoding: bytes[settledText.count...], as: UTF8.self)
        // What came last stays as context for the next token; what stands before it is not needed
        // any more.
        if settledCount > 0 { window.removeFirst(settledCount) }
        settledCount = window.count
        settledText = Array(tokenizer.decode(window, skipSpecialTokens: skipsSpecialTokens).utf8)
        return piece
    }

    /// What was held back, with replacement characters for bytes that never became one.
    package mutating func finish() -> String {
        let bytes = Array(tokenizer.decode(window, skipSpecialTokens: skipsSpecialTokens).utf8)
        let piece = bytes.starts(with: settledText) ? String(decoding: bytes[settledText.count...], as: UTF8.self) : ""
        (window, settledCount, settledText) = ([], 0, [])
        return piece
    }

    /// Whether the text ends with U+FFFD.
    private static func endsUnfinished(_ bytes: [UInt8]) -> Bool { bytes.suffix(3).elementsEqual([0xEF, 0xBF, 0xBD]) }
}
