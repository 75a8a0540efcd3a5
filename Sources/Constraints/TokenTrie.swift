/// A vocabulary as a tree of bytes: the tokens that an automaton takes are found by walking it
/// once, leaving out what stands behind a byte that does not fit.
///
/// The method is Willard and Louf's (2023, arXiv:2307.09702), with the tree in place of an index of
/// the whole vocabulary.
package final class TokenTrie: Sendable {
    /// What the tokens are that begin as a node and those before it.
    enum Text: UInt8, Sendable {
        /// Some are not letters alone.
        case mixed
        /// Letters and nothing else, but more than are usual.
        case long
        /// All are in the last of `texts`.
        case usual
    }
    struct Node: Sendable {
        var byte: UInt8
        /// Whether this and all behind it are letters of a string that JSON shows as they are; the
        /// last one of a token may be cut.
        var isText: Bool
        var beginsLetter: Bool
        var text: Text
        /// Letters that begin here and behind, of the token with the most; of what is not text,
        /// bytes.
        var height: Int32
        /// The place of this letter and all behind it in `sets`; -1 if they are few, or neither
        /// text from its beginning nor ASCII.
        var set: Int32
        /// The nodes of the bytes that follow: a part of `nodes`.
        var firstChild: Int32
        var childCount: Int32
        /// The tokens that end here, and behind them those that end further on: a part of `order`.
        var firstToken: Int32
        var ownTokens: Int32
        var tokenCount: Int32
    }
    /// Brothers stand side by side, and a node before those behind it: what a walk looks at is
    /// near.
    private let nodes: [Node]
    /// How many begin tokens.
    private let rootCount: Int
    private let sets: [LetterSet]
    /// The tokens by their bytes, then by their ids.
    private let order: [Int32]
    /// The bytes of each token; empty for those that no answer to a constraint may have.
    package let tokens: [[UInt8]]
    private let depth: Int
    /// The tokens that are letters and nothing else, at most as many as the place in the list.
    private let texts: [TokenMask]
    /// Letters of a token that are usual.
    private static let common = Recognizer.farthest

    package init(_ tokens: [[UInt8]]) {
        self.tokens = tokens
        var builder = TokenTrieBuilder(common: Self.common, tokenCount: tokens.count)
        let order = tokens.indices.filter { !tokens[$0].isEmpty }
            .sorted { tokens[$0].lexicographicallyPrecedes(tokens[$1]) || (tokens[$0] == tokens[$1] && $0 < $1) }
        for (place, id) in order.enumerated() { builder.add(tokens[id], id: Int32(truncatingIfNeeded: id), place: place) }
        builder.close(to: 0, tokens: order.count)
        (nodes, rootCount) = builder.brothersTogether()
        (sets, texts) = (builder.sets, builder.textsByLetters())
        self.order = order.map { Int32(truncatingIfNeeded: $0) }
        depth = tokens.map(\.count).max() ?? 0
    }

    /// The tokens that begin with some bytes.
    package func tokens(beginningWith bytes: some Collection<UInt8>) -> ArraySlice<Int32> {
        var brothers = nodes[..<rootCount]
        var found: ArraySlice<Int32> = []
        for byte in bytes {
            guard let node = brothers.first(where: { $0.byte == byte }) else { return [] }
            found = order[Int(node.firstToken)..<Int(node.firstToken + node.tokenCount)]
            brothers = nodes[Int(node.firstChild)..<Int(node.firstChild + node.childCount)]
        }
        return found
    }

    /// What is known of the state before the bytes of a depth.
    private struct Level {
        var state: Int32
        /// How many letters fit, whichever they are, exactly below `common`; -1: not known.
        var run: Int32 = -1
        /// The states that bytes lead to.
        var row: UnsafePointer<Int32>
        /// nil: nobody has asked.
        var outlook: Recognizer.Outlook?
        /// The nodes that are still to be looked at, where a walk has gone on behind one of them.
        var (next, end) = (0, 0)

        init(_ state: Int32, _ recognizer: Recognizer) { (self.state, row) = (state, recognizer.row(of: state)) }
    }

    /// The tokens that go on from a state.
    package func mask(_ recognizer: Recognizer, _ state: Int32) -> TokenMask {
        var visits = 0
        return mask(recognizer, state, visits: &visits)
    }

    /// - Parameter visits: how many nodes were looked at one by one.
    package func mask(_ recognizer: Recognizer, _ state: Int32, visits: inout Int) -> TokenMask {
        recognizer.beginMask()
        guard state >= 0 else { return TokenMask(count: tokens.count) }
        // Where many letters fit, most tokens do: they are known beforehand. So are those that fit
        // where a number of letters does, and no more.
        let run = recognizer.letterRun(state)
        let known: Text? = run.count == Self.common ? .usual : run.isLast ? .long : nil
        var mask = known == nil ? TokenMask(count: tokens.count) : texts[run.count]
        nodes.withUnsafeBufferPointer { nodes in
            mask.withWords { words in
                withUnsafeTemporaryAllocation(of: Level.self, capacity: depth + 1) { levels in
                    levels.initialize(repeating: Level(state, recognizer))
                    visits += walk(nodes, levels, words, recognizer, known: known)
                }
            }
        }
        // What was given up is not known in part.
        return recognizer.isExhausted ? TokenMask(count: tokens.count) : mask
    }

    /// Inserts the tokens that fit, but for those that are known.
    /// - Parameters:
    ///   - levels: the first has the state; the others are overwritten.
    ///   - known: the least of what is known.
    /// - Returns: how many nodes were looked at one by one.
    private func walk(
        _ nodes: UnsafeBufferPointer<Node>, _ levels: UnsafeMutableBufferPointer<Level>, _ words: UnsafeMutableBufferPointer<UInt64>,
        _ recognizer: Recognizer, known: Text?
    ) -> Int {
        func insert(_ first: Int32, _ count: Int32) {
            for place in Int(first)..<Int(first + count) { words[Int(order[place]) >> 6] |= 1 << UInt64(order[place] & 63) }
        }
        let leastKnown = known?.rawValue ?? .max
        var (level, index, end) = (levels[0], 0, rootCount)
        // Levels that wait.
        var (depth, visits) = (0, 0)
        while true {
            if index == end {
                if depth == 0 { break }
                depth -= 1
                level = levels[depth]
                (index, end) = (level.next, level.end)
            }
            let node = nodes[index]
            index += 1
            visits += 1
            if node.text.rawValue >= leastKnown { continue }
            // Where any letters fit, all that is made of them does; and so where letters of a
            // pattern's class do.
            if node.set >= 0 {
                var fitsAll = false
                if node.isText, node.beginsLetter {
                    if level.run < 0 { level.run = Int32(truncatingIfNeeded: recognizer.letterRun(level.state).count) }
                    if level.run < node.height, level.run >= Self.common {
                        level.run = Int32(truncatingIfNeeded: recognizer.letterRun(level.state, upTo: Int(node.height)).count)
                    }
                    fitsAll = level.run >= node.height
                }
                if !fitsAll {
                    let outlook = level.outlook ?? recognizer.outlook(of: level.state)
                    level.outlook = outlook
                    fitsAll = node.height <= outlook.times && sets[Int(node.set)].isSubset(of: outlook.letters)
                }
                if fitsAll {
                    insert(node.firstToken, node.tokenCount)
                    continue
                }
            }
            let next = level.row[Int(node.byte)]
            if next == Recognizer.dead { continue }
            if node.ownTokens > 0 { insert(node.firstToken, node.ownTokens) }
            if node.childCount > 0 {
                if index < end {
                    (level.next, level.end) = (index, end)
                    levels[depth] = level
                    depth += 1
                }
                if next != level.state { level = Level(next, recognizer) }
                (index, end) = (Int(node.firstChild), Int(node.firstChild + node.childCount))
            }
        }
        return visits
    }
}

/// A set of tokens.
package struct TokenMask: Sendable, Hashable {
    private var words: [UInt64]

    init(count: Int) { words = Array(repeating: 0, count: (count + 63) / 64) }

    package mutating func insert(_ token: Int32) { words[Int(token) >> 6] |= 1 << UInt64(token & 63) }

    mutating func formUnion(_ other: TokenMask) { for index in words.indices { words[index] |= other.words[index] } }

    mutating func withWords(_ body: (UnsafeMutableBufferPointer<UInt64>) -> Void) { words.withUnsafeMutableBufferPointer { body($0) } }

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
