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
    enum Part {
        case token(Token, Range<Int>)
        case text(Range<Int>)
    }
    let tokens: [Token]
    private let matcher: TokenTrie
    private let normalizedMatcher: TokenTrie

    init(_ tokens: [Token]) {
        self.tokens = tokens
        matcher = TokenTrie(tokens.enumerated().filter { !$1.isNormalized }.map { ($1.content, $0) })
        normalizedMatcher = TokenTrie(tokens.enumerated().filter { $1.isNormalized }.map { ($1.content, $0) })
    }

    /// Cuts a text at the added tokens of one kind; of several that begin at one place the longest is taken.
    func split(_ scalars: [Unicode.Scalar], normalized: Bool) -> [Part] {
        let trie = normalized ? normalizedMatcher : matcher
        if trie.isEmpty { return scalars.isEmpty ? [] : [.text(0..<scalars.count)] }
        var parts: [Part] = []
        var done = 0
        var position = 0
        while position < scalars.count {
            guard let (index, end) = trie.longestMatch(in: scalars, at: position) else {
                position += 1
                continue
            }
            let token = tokens[index]
            if token.isSingleWord, Self.isWord(scalars, position - 1) || Self.isWord(scalars, end) {
                position = end
                continue
            }
            var (start, stop) = (position, end)
            if token.stripsLeft { while start > done, scalars[start - 1].properties.isWhitespace { start -= 1 } }
            if token.stripsRight { while stop < scalars.count, scalars[stop].properties.isWhitespace { stop += 1 } }
            if done < start { parts.append(.text(done..<start)) }
            parts.append(.token(token, start..<stop))
            done = stop
            position = stop
        }
        if done < scalars.count { parts.append(.text(done..<scalars.count)) }
        return parts
    }

    private static func isWord(_ scalars: [Unicode.Scalar], _ position: Int) -> Bool {
        guard position >= 0, position < scalars.count else { return false }
        return scalars[position] == "_"
            || CharacterClass.classes(of: scalars[position]) & (CharacterClass.letter | CharacterClass.number | CharacterClass.mark) != 0
    }
}

/// Finds the longest of many words at a place.
struct TokenTrie: Sendable {
    private struct Node: Sendable {
        var children: [Unicode.Scalar: Int] = [:]
        var word: Int?
    }
    private var nodes = [Node()]

    init(_ words: [(text: String, index: Int)]) {
        for (text, index) in words where !text.isEmpty {
            var node = 0
            for scalar in text.unicodeScalars {
                if let child = nodes[node].children[scalar] { node = child } else {
                    nodes.append(Node())
                    nodes[node].children[scalar] = nodes.count - 1
                    node = nodes.count - 1
                }
            }
            nodes[node].word = index
        }
    }

    var isEmpty: Bool { nodes.count == 1 }

    func longestMatch(in scalars: [Unicode.Scalar], at start: Int) -> (index: Int, end: Int)? {
        var node = 0
        var found: (Int, Int)?
        var position = start
        while position < scalars.count, let child = nodes[node].children[scalars[position]] {
            node = child
            position += 1
            if let word = nodes[node].word { found = (word, position) }
        }
        return found
    }
}
