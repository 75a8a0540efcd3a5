/// Makes the nodes of a ``TokenTrie`` from tokens in the order of their bytes.
struct TokenTrieBuilder {
    /// A node, which stands before those behind it, and how many those are with itself.
    private var nodes: [(node: TokenTrie.Node, count: Int)] = []
    private(set) var sets: [LetterSet] = []
    /// By letters of the token with the most: tokens that are letters and nothing else.
    private(set) var texts: [TokenMask]
    /// Letters of a token that are usual.
    private let common: Int
    /// Nodes that are worth being taken together.
    private static let least = 4

    /// A node on the way from the root to the last token: where it stands in its letter, and what
    /// its bytes and those behind it are.
    private struct Step {
        var node: Int
        var place: LetterPlace
        /// Letters from the root to here.
        var letters: Int
        var set = LetterSet()
        var isASCII = true
        /// Letters and bytes that begin here and behind, of the token with the most.
        var letterHeight: Int
        var byteHeight = 1
    }
    private var path: [Step] = []
    private var former: [UInt8] = []

    init(common: Int, tokenCount: Int) {
        self.common = common
        texts = Array(repeating: TokenMask(count: tokenCount), count: common + 1)
    }

    /// Adds a token behind those before it.
    /// - Parameter place: its place in the order of all.
    mutating func add(_ bytes: [UInt8], id: Int32, place: Int) {
        var shared = 0
        while shared < former.count, shared < bytes.count, former[shared] == bytes[shared] { shared += 1 }
        close(to: shared, tokens: place)
        for byte in bytes[shared...] {
            let before = path.last?.place ?? .start
            let begins = before == .start
            var step = Step(
                node: nodes.count, place: before.next(byte), letters: (path.last?.letters ?? 0) + (begins ? 1 : 0),
                letterHeight: begins ? 1 : 0)
            step.set.insert(byte)
            step.isASCII = byte < 0x80
            path.append(step)
            let node = TokenTrie.Node(
                byte: byte, isText: step.place != .none, beginsLetter: begins, text: .mixed, height: 0, set: -1, firstChild: 0,
                childCount: 0, firstToken: Int32(truncatingIfNeeded: place), ownTokens: 0, tokenCount: 0)
            nodes.append((node, 1))
        }
        if let last = path.last {
            nodes[last.node].node.ownTokens += 1
            if last.place != .none, last.letters <= common { texts[last.letters].insert(id) }
        }
        former = bytes
    }

    /// Ends the nodes beyond a depth.
    /// - Parameter tokens: how many there are so far.
    mutating func close(to depth: Int, tokens: Int) {
        while path.count > depth, let step = path.popLast() {
            var node = nodes[step.node].node
            let count = nodes.count - step.node
            node.tokenCount = Int32(truncatingIfNeeded: tokens) - node.firstToken
            node.height = Int32(truncatingIfNeeded: node.isText ? step.letterHeight : step.byteHeight)
            let isWhole = node.isText && path.last?.place != LetterPlace.none
            let letters = (path.last?.letters ?? 0) + step.letterHeight
            node.text = !isWhole ? .mixed : letters <= common ? .usual : .long
            if count >= Self.least, step.isASCII || node.isText && node.beginsLetter {
                node.set = Int32(truncatingIfNeeded: sets.count)
                sets.append(step.set)
            }
            nodes[step.node] = (node, count)
            guard !path.isEmpty else { continue }
            let parent = path.count - 1
            path[parent].set.formUnion(step.set)
            path[parent].isASCII = path[parent].isASCII && step.isASCII
            path[parent].byteHeight = max(path[parent].byteHeight, step.byteHeight + 1)
            let ownLetter = nodes[path[parent].node].node.beginsLetter ? 1 : 0
            path[parent].letterHeight = max(path[parent].letterHeight, step.letterHeight + ownLetter)
            nodes[path[parent].node].node.isText = nodes[path[parent].node].node.isText && node.isText
        }
    }

    /// Tokens that are so many letters at most, for each number up to the usual one.
    func textsByLetters() -> [TokenMask] {
        var (all, sum): ([TokenMask], TokenMask?) = ([], nil)
        for mask in texts {
            var mask = mask
            if let sum { mask.formUnion(sum) }
            all.append(mask)
            sum = mask
        }
        return all
    }

    /// The nodes with all children of one side by side, and how many begin tokens.
    func brothersTogether() -> (nodes: [TokenTrie.Node], rootCount: Int) {
        var together: [TokenTrie.Node] = []
        together.reserveCapacity(nodes.count)
        var rootCount = 0
        var families: [(parent: Int?, first: Int, end: Int)] = [(nil, 0, nodes.count)]
        while let family = families.popLast() {
            let start = together.count
            var (index, children): (Int, [(parent: Int?, first: Int, end: Int)]) = (family.first, [])
            while index < family.end {
                if nodes[index].count > 1 { children.append((together.count, index + 1, index + nodes[index].count)) }
                together.append(nodes[index].node)
                index += nodes[index].count
            }
            families += children.reversed()
            guard let parent = family.parent else {
                rootCount = together.count
                continue
            }
            together[parent].firstChild = Int32(truncatingIfNeeded: start)
            together[parent].childCount = Int32(truncatingIfNeeded: together.count - start)
        }
        return (together, rootCount)
    }
}
