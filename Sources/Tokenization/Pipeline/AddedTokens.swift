/// Tokens that are found in text as they are, before the model sees it.
struct AddedTokens: Sendable {
    struct Token: Sendable, Hashable {
        var id: Int32
        var content: String
        var isSpecial: Bool
        /// Swallows white space on its left or right.
        var stripsLeft: Bool
        var stripsRight: Bool
        /// Found only where no word character stands beside it.
        var isSingleWord: Bool
        /// Looked for in normalised text.
        var isNormalized: Bool
    }
    /// A stretch of text: an added token, or what lies between two.
    struct Part {
        var range: Range<Int>
        /// The token's id; nil for text.
        var id: Int32?
    }
    let tokens: [Token]
    private let matcher: TokenTrie
    private let normalizedMatcher: TokenTrie

    /// - Parameter normalize: changes the contents of tokens that are looked for in normalised
    ///   text.
    init(_ tokens: [Token], normalize: (String) -> String) {
        self.tokens = tokens
        matcher = TokenTrie(tokens.enumerated().filter { !$1.isNormalized }.map { ($1.content, $0) })
        normalizedMatcher = TokenTrie(tokens.enumerated().filter { $1.isNormalized }.map { (normalize($1.content), $0) })
    }

    /// The first special token whose text stands in a text.
    func firstSpecial(in bytes: UnsafeBufferPointer<UInt8>) -> Token? {
        for trie in [matcher, normalizedMatcher] {
            var position = 0
            while let (_, end, index) = trie.next(in: bytes, from: position) {
                if tokens[index].isSpecial { return tokens[index] }
                position = end
            }
        }
        return nil
    }

    /// Cuts a text at the added tokens of one kind; of several that begin at one place the longest
    /// is taken.
    /// - Parameter keepsSpecial: special tokens are text as any other.
    func split(_ bytes: UnsafeBufferPointer<UInt8>, normalized: Bool, keepsSpecial: Bool = false) -> [Part] {
        guard !bytes.isEmpty else { return [] }
        let trie = normalized ? normalizedMatcher : matcher
        var parts: [Part] = []
        var done = 0
        var position = 0
        while let (first, end, index) = trie.next(in: bytes, from: position) {
            position = end
            let token = tokens[index]
            if keepsSpecial, token.isSpecial { continue }
            if token.isSingleWord, Self.isWord(bytes, before: first) || Self.isWord(bytes, at: end) { continue }
            var (start, stop) = (first, end)
            if token.stripsLeft {
                while start > 0 {
                    let before = UTF8Scalars.before(bytes, start, 0)
                    guard Self.space.contains(UTF8Scalars.scalar(bytes, before, bytes.count)) else { break }
                    start = before
                }
                start = max(start, done)
            }
            if token.stripsRight {
                while stop < bytes.count, Self.space.contains(UTF8Scalars.scalar(bytes, stop, bytes.count)) {
                    stop += UTF8Scalars.width(bytes[stop])
                }
            }
            if done < start { parts.append(Part(range: done..<start)) }
            // White space that a token has swallowed may hold the next one all the same: so the
            // reference library has it.
            if start < stop { parts.append(Part(range: start..<stop, id: token.id)) }
            done = stop
        }
        if done < bytes.count { parts.append(Part(range: done..<bytes.count)) }
        return parts
    }

    private static let space = ScalarTable(UnicodeSets.whitespace)
    private static let word = ScalarTable(UnicodeSets.wordWithJoiners)

    private static func isWord(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
        position < bytes.count && word.contains(UTF8Scalars.scalar(bytes, position, bytes.count))
    }

    private static func isWord(_ bytes: UnsafeBufferPointer<UInt8>, before position: Int) -> Bool {
        position > 0 && word.contains(UTF8Scalars.scalar(bytes, UTF8Scalars.before(bytes, position, 0), bytes.count))
    }
}
