/// A vocabulary as a tree of bytes: the tokens that an automaton takes are found by walking it
/// once, leaving out what stands behind a byte that does not fit.
///
/// The method is Willard and Louf's (2023, arXiv:2307.09702), with the tree in place of an index of
/// the whole vocabulary.
package final class TokenTrie: Sendable {
    private struct Node: Sendable {
        var byte: UInt8
        var depth: Int32
        /// The token that ends here, or -1.
        var token: Int32
        /// Nodes of this and all behind it.
        var count: Int32
    }
    /// A node stands before those behind it.
    private let nodes: [Node]
    /// For a token the next one with the same bytes, or -1.
    private let same: [Int32]
    /// The bytes of each token; empty for those that no answer to a constraint may have.
    package let tokens: [[UInt8]]
    private let depth: Int

    package init(_ tokens: [[UInt8]]) {
        self.tokens = tokens
        let order = tokens.indices.filter { !tokens[$0].isEmpty }
            .sorted { tokens[$0].lexicographicallyPrecedes(tokens[$1]) || (tokens[$0] == tokens[$1] && $0 < $1) }
        var nodes: [Node] = []
        var same = [Int32](repeating: -1, count: tokens.count)
        /// The nodes from the root to the last token.
        var path: [Int] = []
        func close(to depth: Int) {
            while path.count > depth { if let last = path.popLast() { nodes[last].count = Int32(nodes.count - last) } }
        }
        var former: [UInt8] = []
        for id in order {
            let bytes = tokens[id]
            var common = 0
            while common < former.count, common < bytes.count, former[common] == bytes[common] { common += 1 }
            if common == bytes.count, common == former.count, let last = path.last {
                same[id] = nodes[last].token
                nodes[last].token = Int32(id)
                continue
            }
            close(to: common)
            for depth in common..<bytes.count {
                path.append(nodes.count)
                nodes.append(Node(byte: bytes[depth], depth: Int32(depth), token: depth == bytes.count - 1 ? Int32(id) : -1, count: 1))
            }
            former = bytes
        }
        close(to: 0)
        (self.nodes, self.same) = (nodes, same)
        depth = tokens.map(\.count).max() ?? 0
    }

    /// The tokens that go on from a state.
    package func mask(_ recognizer: Recognizer, _ state: Int32) -> TokenMask {
        var mask = TokenMask(count: tokens.count)
        var states = [Int32](repeating: state, count: depth + 1)
        var index = 0
        while index < nodes.count {
            let node = nodes[index]
            let next = recognizer.next(states[Int(node.depth)], node.byte)
            if next == Recognizer.dead {
                index += Int(node.count)
                continue
            }
            states[Int(node.depth) + 1] = next
            var token = node.token
            while token >= 0 {
                mask.insert(token)
                token = same[Int(token)]
            }
            index += 1
        }
        return mask
    }
}

/// A set of tokens.
package struct TokenMask: Sendable, Hashable {
    private var words: [UInt64]

    init(count: Int) { words = Array(repeating: 0, count: (count + 63) / 64) }

    package mutating func insert(_ token: Int32) { words[Int(token) >> 6] |= 1 << UInt64(token & 63) }

    package func contains(_ token: Int32) -> Bool {
        token >= 0 && Int(token) >> 6 < words.count && words[Int(token) >> 6] >> UInt64(token & 63) & 1 == 1
    }

    package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// Makes the logits of all other tokens impossible; those of `others` stay as they are.
    package func apply(_ logits: UnsafeMutableBufferPointer<Float>, except others: Set<Int32>) {
        let kept = others.filter { $0 >= 0 && Int($0) < logits.count }.map { ($0, logits[Int($0)]) }
        for index in logits.indices {
            let word = index >> 6 < words.count ? words[index >> 6] : 0
            if word >> UInt64(index & 63) & 1 == 0 { logits[index] = -.infinity }
        }
        for (token, logit) in kept { logits[Int(token)] = logit }
    }
}
