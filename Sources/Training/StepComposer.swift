/// Divides the examples of one optimizer step into micro-batches that fit a program.
///
/// First-fit decreasing: longer examples first, each into the first micro-batch with room. Within a
/// micro-batch examples keep the order of the batch, and micro-batches stand in the order of their
/// first example, so the division depends on nothing but the lengths.
package struct StepComposer: Sendable {
    /// Tokens that one micro-batch may hold.
    package var tokenLimit: Int

    package init(tokenLimit: Int) { self.tokenLimit = tokenLimit }

    /// - Parameter lengths: tokens of each example, none above the limit.
    /// - Returns: for each micro-batch the positions of its examples in `lengths`.
    package func microBatches(lengths: [Int]) -> [[Int]] {
        let order = lengths.indices.sorted { (lengths[$1], $0) < (lengths[$0], $1) }
        var batches: [(examples: [Int], room: Int)] = []
        for index in order {
            if let fitting = batches.firstIndex(where: { $0.room >= lengths[index] }) {
                batches[fitting].examples.append(index)
                batches[fitting].room -= lengths[index]
            } else {
                batches.append(([index], tokenLimit - lengths[index]))
            }
        }
        return batches.map { $0.examples.sorted() }.sorted { ($0.first ?? 0) < ($1.first ?? 0) }
    }
}
