package import Models

/// What the loss counts in one example: its token ids and which of them are trained.
package struct TrainingExample: Sendable, Hashable {
    package var ids: [Int32]
    /// For each token whether it is a target: predicted from the tokens before it. The first token is never one.
    package var isTrained: [Bool]

    package init(ids: [Int32], isTrained: [Bool]) {
        self.ids = ids
        self.isTrained = isTrained
    }

    /// Tokens that the loss counts.
    package var trainedTokenCount: Int { isTrained.dropFirst().reduce(0) { $0 + ($1 ? 1 : 0) } }
}

/// Examples one behind the other, as the programs take them: no padding but at the end.
///
/// Each token carries its row of the rotary table and the rows that it sees; rows that predict a trained token are listed for the head.
package struct PackedBatch: Sendable {
    package var tokenCapacity: Int
    package var trainedCapacity: Int
    /// `[tokenCapacity]`: token ids, 0 in the rows that fill up.
    package private(set) var tokens: [Int32]
    /// `[tokenCapacity]`.
    package private(set) var rotaryRows: [Int32]
    /// `[tokenCapacity, 2]`: the first row that a token sees and one past the last; empty in the rows that fill up.
    package private(set) var keyRanges: [Int32]
    /// `[tokenCapacity, 2]`: the first row that sees a token and one past the last.
    package private(set) var queryRanges: [Int32]
    /// The same for layers with a sliding window; empty where the model has none.
    package private(set) var windowKeyRanges: [Int32] = []
    package private(set) var windowQueryRanges: [Int32] = []
    /// `[trainedCapacity]`: rows whose next token is trained, -1 in the places that fill up.
    package private(set) var trainedRows: [Int32]
    /// `[trainedCapacity]`: the token that each of them should predict, -1 likewise.
    package private(set) var targets: [Int32]
    package private(set) var tokenCount = 0
    package private(set) var trainedCount = 0

    /// Packs examples into rows.
    ///
    /// - Parameters:
    ///   - window: tokens that a sliding layer sees, itself included (position `i` sees `j` with `i - window < j <= i`); nil: no such layers.
    ///   - rotaryLength: the length by which an example chooses its rotary factors; the example's own where nil.
    /// - Precondition: the examples' tokens and trained tokens fit the capacities.
    package init(
        _ examples: [TrainingExample], tokenCapacity: Int, trainedCapacity: Int, window: Int?, rotary: RotaryRows, rotaryLength: Int? = nil
    ) {
        self.tokenCapacity = tokenCapacity
        self.trainedCapacity = trainedCapacity
        tokens = Array(repeating: 0, count: tokenCapacity)
        rotaryRows = Array(repeating: 0, count: tokenCapacity)
        keyRanges = Array(repeating: 0, count: 2 * tokenCapacity)
        queryRanges = keyRanges
        if window != nil { (windowKeyRanges, windowQueryRanges) = (keyRanges, keyRanges) }
        trainedRows = Array(repeating: -1, count: trainedCapacity)
        targets = trainedRows
        for example in examples {
            let start = tokenCount
            let end = start + example.ids.count
            let firstRotaryRow = rotary.firstRow(exampleLength: rotaryLength ?? example.ids.count)
            for (position, id) in example.ids.enumerated() {
                let row = start + position
                tokens[row] = id
                rotaryRows[row] = Int32(truncatingIfNeeded: firstRotaryRow + position)
                Self.set(&keyRanges, row, start, row + 1)
                Self.set(&queryRanges, row, row, end)
                if let window {
                    Self.set(&windowKeyRanges, row, max(start, row + 1 - window), row + 1)
                    Self.set(&windowQueryRanges, row, row, min(end, row + window))
                }
                if position + 1 < example.ids.count, example.isTrained[position + 1] {
                    trainedRows[trainedCount] = Int32(truncatingIfNeeded: row)
                    targets[trainedCount] = example.ids[position + 1]
                    trainedCount += 1
                }
            }
            tokenCount = end
        }
    }

    /// Pairs of a query and a key that it sees, in a layer without a window.
    package var visiblePairs: Double {
        stride(from: 0, to: keyRanges.count - 1, by: 2).reduce(0) { $0 + Double(keyRanges[$1 + 1] - keyRanges[$1]) }
    }

    private static func set(_ ranges: inout [Int32], _ row: Int, _ lower: Int, _ upper: Int) {
        ranges[2 * row] = Int32(truncatingIfNeeded: lower)
        ranges[2 * row + 1] = Int32(truncatingIfNeeded: upper)
    }
}
