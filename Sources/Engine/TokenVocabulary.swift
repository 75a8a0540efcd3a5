package import Constraints
package import Tokenization

/// The tokens of a model as bytes, for what must have a form. It is made once for a tokenizer.
package struct TokenVocabulary: Sendable {
    package let trie: TokenTrie
    /// Control tokens and their texts.
    package let controls: [(token: Int32, bytes: [UInt8])]

    package init(_ tokenizer: Tokenizer) {
        var tokens: [[UInt8]] = []
        var controls: [(token: Int32, bytes: [UInt8])] = []
        // What stands before a token decides whether its space is shown; in an answer something
        // does.
        let before = tokenizer.encode("a", addSpecialTokens: false)
        let shown = Array(tokenizer.decode(before, skipSpecialTokens: false).utf8)
        for id in 0..<Int32(truncatingIfNeeded: tokenizer.vocabularySize) {
            guard tokenizer.token(of: id) != nil else {
                tokens.append([])
                continue
            }
            let alone = tokenizer.bytes(of: id)
            if tokenizer.isSpecial(id) {
                controls.append((id, alone))
                tokens.append([])
                continue
            }
            let together = Array(tokenizer.decode(before + [id], skipSpecialTokens: false).utf8)
            // A part of a character is shown as something else: its own bytes count.
            let isPart = String(decoding: together, as: UTF8.self).unicodeScalars.contains("\u{FFFD}")
            tokens.append(!isPart && together.starts(with: shown) ? Array(together.dropFirst(shown.count)) : alone)
        }
        (trie, self.controls) = (TokenTrie(tokens), controls)
    }
}
