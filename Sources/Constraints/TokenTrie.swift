/// A vocabulary as a tree of bytes: the tokens that an automaton takes are found by walking it
/// once, leaving out what stands behind a byte that does not fit.
///
/// The method is Willard and Louf's (2023, arXiv:2307.09702), with the tree in place of an index of
/// the whole vocabulary.
package final class TokenTrie: Sendable {
    private struct Node: Sendable {
        var byte: UInt8
        /// Whether this and all behind it are letters of a string that JSON shows as they are; the
        /// last one of a token may be cut.
        var isText: Bool
        var beginsLetter: Bool
        /// Whether all tokens here and behind are in `text`.
        var isCommon: Bool
        /// Letters that begin here and behind, of the token with the most.
        var height: Int32
        var depth: Int32
        /// Nodes of this and all behind it.
        var count: Int32
        /// The tokens that end here, and behind them those that end further on: a part of `order`.
        var firstToken: Int32
        var ownTokens: Int32
        var tokenCount: Int32
    }
    /// A node stands before those behind it.
    private let nodes: [Node]
    /// The tokens by their bytes, then by their ids.
    private let order: [Int32]
    /// The bytes of each token; empty for those that no answer to a constraint may have.
    package let tokens: [[UInt8]]
    private let depth: Int
    /// The tokens that are letters and nothing else, at most `common` of them.
    private let text: TokenMask
    /// Letters of a token that are usual.
    private static let common = 32
    /// Nodes that are worth being taken together.
    private static let least = 4

    package init(_ tokens: [[UInt8]]) {
        self.tokens = tokens
        let order = tokens.indices.filter { !tokens[$0].isEmpty }
            .sorted { tokens[$0].lexicographicallyPrecedes(tokens[$1]) || (tokens[$0] == tokens[$1] && $0 < $1) }
        var nodes: [Node] = []
        /// The nodes from the root to the last token, and where each stands in its letter.
        var path: [(node: Int, place: LetterPlace, letters: Int)] = []
        var text = TokenMask(count: tokens.count)
        func close(to depth: Int, tokens: Int) {
            while path.count > depth, let last = path.popLast()?.node {
                nodes[last].count = Int32(nodes.count - last)
                nodes[last].tokenCount = Int32(tokens) - nodes[last].firstToken
                if nodes[last].beginsLetter { nodes[last].height += 1 }
                let before = path.last.map { $0.place == .none ? Self.common : $0.letters } ?? 0
                nodes[last].isCommon = nodes[last].isText && before + Int(nodes[last].height) <= Self.common
                guard let parent = path.last?.node else { continue }
                nodes[parent].height = max(nodes[parent].height, nodes[last].height)
                nodes[parent].isText = nodes[parent].isText && nodes[last].isText
            }
        }
        var former: [UInt8] = []
        for (place, id) in order.enumerated() {
            let bytes = tokens[id]
            var common = 0
            while common < former.count, common < bytes.count, former[common] == bytes[common] { common += 1 }
            close(to: common, tokens: place)
            for depth in common..<bytes.count {
                let before = path.last?.place ?? .start
                let after = before.next(bytes[depth])
                path.append((nodes.count, after, (path.last?.letters ?? 0) + (before == .start ? 1 : 0)))
                nodes.append(
                    Node(
                        byte: bytes[depth], isText: after != .none, beginsLetter: before == .start, isCommon: false, height: 0,
                        depth: Int32(depth), count: 1,
                        firstToken: Int32(place), ownTokens: 0, tokenCount: 0))
            }
            if let last = path.last {
                nodes[last.node].ownTokens += 1
                if last.place != .none, last.letters <= Self.common { text.insert(Int32(truncatingIfNeeded: id)) }
            }
            former = bytes
        }
        close(to: 0, tokens: order.count)
        (self.nodes, self.text) = (nodes, text)
        self.order = order.map { Int32(truncatingIfNeeded: $0) }
        depth = tokens.map(\.count).max() ?? 0
    }

    /// The tokens that begin with some bytes.
    package func tokens(beginningWith bytes: some Collection<UInt8>) -> ArraySlice<Int32> {
        var (index, end) = (0, nodes.count)
        var found: ArraySlice<Int32> = []
        for (depth, byte) in bytes.enumerated() {
            // Nodes of one depth are behind each other.
            while index < end, nodes[index].byte != byte { index += Int(nodes[index].count) }
            guard index < end else { return [] }
            let node = nodes[index]
            if depth == bytes.count - 1 { found = order[Int(node.firstToken)..<Int(node.firstToken + node.tokenCount)] }
            (index, end) = (index + 1, index + Int(node.count))
        }
        return found
    }

    /// The tokens that go on from a state.
    package func mask(_ recognizer: Recognizer, _ state: Int32) -> TokenMask {
        var visits = 0
        return mask(recognizer, state, visits: &visits)
    }

    /// - Parameter visits: how many nodes were looked at one by one.
    package func mask(_ recognizer: Recognizer, _ state: Int32, visits: inout Int) -> TokenMask {
        recognizer.beginMask()
        // Where many letters fit, most tokens do: they are known beforehand.
        let takesText = recognizer.letterRun(state, upTo: Self.common) == Self.common
        var mask = takesText ? text : TokenMask(count: tokens.count)
        var states = [Int32](repeating: state, count: depth + 1)
        // How many letters fit behind the states, whichever they are; -1: not known.
        var runs = [Int](repeating: -1, count: depth + 1)
        var index = 0
        while index < nodes.count {
            let node = nodes[index]
            let depth = Int(node.depth)
            visits += 1
            if takesText, node.isCommon {
                index += Int(node.count)
                continue
            }
            // Where any letters fit, all that is made of them does.
            if node.isText, node.beginsLetter, node.count >= Self.least {
                if runs[depth] < Int(node.height) { runs[depth] = recognizer.letterRun(states[depth], upTo: max(32, Int(node.height))) }
                if runs[depth] >= Int(node.height) {
                    mask.insert(order[Int(node.firstToken)..<Int(node.firstToken + node.tokenCount)])
                    index += Int(node.count)
                    continue
                }
            }
            let next = recognizer.next(states[depth], node.byte)
            if next == Recognizer.dead {
                index += Int(node.count)
                continue
            }
            (states[depth + 1], runs[depth + 1]) = (next, -1)
            if node.ownTokens > 0 { mask.insert(order[Int(node.firstToken)..<Int(node.firstToken + node.ownTokens)]) }
            index += 1
        }
        // What was given up is not known in part.
        return recognizer.isExhausted ? TokenMask(count: tokens.count) : mask
    }
}

/// A set of tokens.
package struct TokenMask: Sendable, Hashable {
    private var words: [UInt64]

    init(count: Int) { words = Array(repeating: 0, count: (count + 63) / 64) }

    package mutating func insert(_ token: Int32) { words[Int(token) >> 6] |= 1 << UInt64(token & 63) }

    mutating func insert(_ tokens: ArraySlice<Int32>) {
        words.withUnsafeMutableBufferPointer { words in
            for token in tokens where Int(token) >> 6 < words.count { words[Int(token) >> 6] |= 1 << UInt64(token & 63) }
        }
    }

    package func contains(_ token: Int32) -> Bool {
        token >= 0 && Int(token) >> 6 < words.count && words[Int(token) >> 6] >> UInt64(token & 63) & 1 == 1
    }

    package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// Makes the logits of all other tokens impossible; those of `others` stay as they are.
    package func apply(_ logits: UnsafeMutableBufferPointer<Float>, except others: Set<Int32>) {
        let kept = others.filter { $0 >= 0 && Int($0) < logits.count }.map { ($0, logits[Int($0)]) }
        // Words of the set: most are all or nothing.
        for start in stride(from: 0, to: logits.count, by: 64) {
            let word = start >> 6 < words.count ? words[start >> 6] : 0
            let end = min(logits.count, start + 64)
            if word == 0 {
                for index in start..<end { logits[index] = -.infinity }
            } else if word != .max {
                for index in start..<end where word >> UInt64(index & 63) & 1 == 0 { logits[index] = -.infinity }
            }
        }
        for (token, logit) in kept { logits[Int(token)] = logit }
    }
}
