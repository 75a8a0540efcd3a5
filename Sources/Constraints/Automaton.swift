/// A pushdown automaton over bytes: what an answer may be.
///
/// The nodes are those of Thompson's construction (1968, doi:10.1145/363347.363387), with calls of
/// other parts for what refers to itself, and one counter for the lengths of strings.
package struct Automaton: Sendable {
    /// The most nodes that an automaton may have.
    package static let nodeLimit = 10_000
    /// How deep arrays and objects may be nested in what it takes.
    static let nestingLimit = 48

    enum Node: Sendable, Hashable {
        /// Takes one byte of a range.
        case range(UInt8, UInt8, next: Int32)
        /// Goes on in several places at once.
        case split([Int32])
        /// Enters a part and goes on here when it ends.
        /// - nesting: arrays and objects that are open around the call within its own part.
        case call(part: Int32, nesting: Int32, next: Int32)
        /// Passes if so many more arrays and objects may be nested.
        case gate(nesting: Int32, next: Int32)
        /// Sets the counter to zero.
        case reset(next: Int32)
        /// Passes if the counter is below the limit, and raises it; below zero there is no limit,
        /// and it stays at `enough`.
        case count(limit: Int32, enough: Int32, next: Int32)
        /// Passes if the counter has reached a number.
        case counted(Int32, next: Int32)
        /// The end of a part, or of everything.
        case end
    }
    var nodes: [Node]
    var start: Int32
    /// The first nodes of the parts that calls name.
    var parts: [Int32]

    package var nodeCount: Int { nodes.count }
}
