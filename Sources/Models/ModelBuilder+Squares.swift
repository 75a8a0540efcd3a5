package import Graph
import Tensors

/// Sums of squares of what some weights are multiplied by, which a forward pass adds up: column by
/// column, over all rows.
package struct SquareSum: Sendable, Hashable {
    /// The weights by their names in the checkpoint: sets that are multiplied by the same, each
    /// with as many weights as ``tensor`` has rows.
    package var weights: [[String]]
    /// `[1, columns]`, or `[experts, columns]`: where the sums are.
    package var tensor: PersistentTensor
    /// The output with the first row of each expert, `[experts + 1, 1]` int32; nil: every row
    /// counts.
    package var offsetsOutput: String?
}

extension ModelBuilder {
    /// Adds squares of a product's left factor to what was summed before, where they are wanted.
    /// - Parameters:
    ///   - weights: the right factor's names: of experts one for each.
    ///   - experts: where their rows are.
    mutating func countSquares(
        of x: ValueID, for weights: [String], _ experts: ExpertPlaces? = nil
    ) throws(GraphError) {
        guard settings.countsSquares, let first = weights.first else { return }
        // Queries, keys and values have one left factor.
        if let known = squareSums.firstIndex(where: { $0.factor == x && $0.sum.tensor.type.rows == weights.count }) {
            return squareSums[known].sum.weights.append(weights)
        }
        let type = TensorType(rows: weights.count, columns: graph.type(of: x).columns, .float32)
        var sum = SquareSum(weights: [weights], tensor: PersistentTensor(key: "squares/" + first, type: type, kind: .cache))
        let before = graph.persistent(sum.tensor)
        let squares = try graph.add(Multiply(), [x, x], names: ["squares"])[0]
        let after: ValueID
        if let experts {
            // An output has one name.
            let known = squareSums.first { $0.offsets == experts.offsets }?.sum.offsetsOutput
            sum.offsetsOutput = known ?? "offsets/" + first
            if known == nil { graph.markOutput(experts.offsets, "offsets/" + first) }
            after = try graph.add(ExpertBiasGradient(), [squares, experts.offsets, before], names: ["sum of squares"])[0]
        } else {
            after = try graph.add(ColumnSum(), [squares, before], names: ["sum of squares"])[0]
        }
        graph.store(after, into: sum.tensor.key)
        squareSums.append((x, experts?.offsets, sum))
    }
}
