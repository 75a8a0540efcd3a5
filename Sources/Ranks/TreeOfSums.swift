/// Partial sums that are added in the order of a fixed tree as they come, from the left to the
/// right: each with the one before it as soon as both stand for as many.
///
/// At any time it holds one part a level of the tree: log₂ of the number of lanes, and one more.
package struct TreeOfSums<Part> {
    private var branches: [(size: Int, part: Part)] = []

    package init() {}

    /// Takes the sum of the next lane.
    /// - Parameter add: adds the second part to the first, which is kept; the second is free then.
    package mutating func take(_ part: Part, add: (Part, Part) throws -> Void) rethrows {
        branches.append((1, part))
        while branches.count > 1, branches[branches.count - 2].size == branches[branches.count - 1].size { try join(add) }
    }

    private mutating func join(_ add: (Part, Part) throws -> Void) rethrows {
        let right = branches.removeLast()
        try add(branches[branches.count - 1].part, right.part)
        branches[branches.count - 1].size += right.size
    }

    /// The sum of all lanes, nil if there were none; the tree is empty then.
    package mutating func finish(add: (Part, Part) throws -> Void) rethrows -> Part? {
        while branches.count > 1 { try join(add) }
        return branches.popLast()?.part
    }

    /// Hands over the parts that are not joined yet, from the left to the right, in favour of
    /// somebody who adds the last lane himself: to the last of them first, and their sum to the one
    /// before it.
    package mutating func removeParts() -> [Part] {
        defer { branches = [] }
        return branches.map(\.part)
    }
}
