/// A pattern as a graph of characters.
private struct PatternGraph {
    enum Node {
        case character([ClosedRange<UInt32>], next: Int)
        case split([Int])
        case end
    }
    private(set) var nodes: [Node] = [.end]
    private(set) var start = 0

    init(_ pattern: Pattern) throws(ConstraintError) { start = try add(pattern, 0) }

    private mutating func add(_ node: Node) throws(ConstraintError) -> Int {
        guard nodes.count < Automaton.nodeLimit else {
            throw ConstraintError("", "has a pattern of more than \(Automaton.nodeLimit) states")
        }
        nodes.append(node)
        return nodes.count - 1
    }

    private mutating func add(_ pattern: Pattern, _ next: Int) throws(ConstraintError) -> Int {
        switch pattern {
        case .empty: return next
        case .character(let ranges): return try add(.character(ranges, next: next))
        case .sequence(let parts):
            var node = next
            for part in parts.reversed() { node = try add(part, node) }
            return node
        case .anyOf(let choices):
            var heads: [Int] = []
            for choice in choices { heads.append(try add(choice, next)) }
            return try add(.split(heads))
        case .repeated(let inner, let least, let most):
            var node = next
            if let most {
                for _ in least..<max(least, most) { node = try add(.split([next, try add(inner, node)])) }
            } else {
                let loop = try add(.split([]))
                nodes[loop] = .split([next, try add(inner, loop)])
                node = loop
            }
            for _ in 0..<least { node = try add(inner, node) }
            return node
        }
    }
}

extension SchemaCompiler {
    /// Texts of a pattern within bounds of length: a place in the pattern with a number of
    /// characters is one state, and states from which no end is reached are left out.
    mutating func text(_ pattern: Pattern, least: Int, most: Int?, _ next: Int32) throws(ConstraintError) -> Int32 {
        let graph = try PatternGraph(pattern)
        struct State: Hashable {
            var node: Int
            var count: Int
        }
        func following(_ state: State) -> [State] {
            switch graph.nodes[state.node] {
            case .end: return []
            case .split(let nodes): return nodes.map { State(node: $0, count: state.count) }
            case .character(_, let next):
                if let most { return state.count < most ? [State(node: next, count: state.count + 1)] : [] }
                return [State(node: next, count: min(least, state.count + 1))]
            }
        }
        // All states that are reached, in order, and from where.
        let first = State(node: graph.start, count: 0)
        var (found, places, before): ([State], [State: Int], [[Int]]) = ([first], [first: 0], [[]])
        var index = 0
        while index < found.count {
            for state in following(found[index]) {
                if let place = places[state] {
                    before[place].append(index)
                    continue
                }
                guard found.count < 10 * Automaton.nodeLimit else {
                    throw ConstraintError(builder.path, "has a pattern and lengths of more than \(Automaton.nodeLimit) states")
                }
                places[state] = found.count
                found.append(state)
                before.append([index])
            }
            index += 1
        }
        var lives = [Bool](repeating: false, count: found.count)
        var open = found.indices.filter { found[$0].node == 0 && found[$0].count >= least }
        for place in open { lives[place] = true }
        while let place = open.popLast() {
            for former in before[place] where !lives[former] {
                lives[former] = true
                open.append(former)
            }
        }
        guard lives[0] else { throw ConstraintError(builder.path, "has a pattern of which no text has the length that is asked for") }
        var nodes: [Int: Int32] = [:]
        for place in found.indices where lives[place] { nodes[place] = try builder.reserve() }
        for (place, node) in nodes.sorted(by: { $0.key < $1.key }) {
            let targets = following(found[place]).compactMap { places[$0] }.compactMap { nodes[$0] }
            switch graph.nodes[found[place].node] {
            case .end: builder.set(node, to: [next])
            case .split: builder.set(node, to: targets)
            case .character(let ranges, _):
                guard let target = targets.first else { continue }
                builder.set(node, to: [try builder.character(CharacterRanges.acrossSurrogates(ranges), target)])
            }
        }
        return nodes[0] ?? next
    }
}
