package import Datasets
package import Models
import Tokenization

/// Samples one behind the other, run by run, as the programs take them: no padding but at the end.
///
/// Each token carries its row of the rotary table and the rows that it sees; the rows that the loss
/// looks at are listed for the head.
package struct PackedBatch: Sendable {
    package var tokenCapacity: Int
    package var trainedCapacity: Int
    /// `[tokenCapacity]`: token ids, 0 in the rows that fill up.
    package private(set) var tokens: [Int32]
    /// `[tokenCapacity]`.
    package private(set) var rotaryRows: [Int32]
    /// `[tokenCapacity, 2]`: the first row that a token sees and one past the last; empty in the
    /// rows that fill up.
    package private(set) var keyRanges: [Int32]
    /// `[tokenCapacity, 2]`: the first row that sees a token and one past the last.
    package private(set) var queryRanges: [Int32]
    /// The same for layers with a sliding window; empty where the model has none.
    package private(set) var windowKeyRanges: [Int32] = []
    package private(set) var windowQueryRanges: [Int32] = []
    /// `[trainedCapacity]`: rows that the loss looks at, -1 in the places that fill up.
    package private(set) var trainedRows: [Int32]
    /// `[trainedCapacity]` each: what the objective says of these rows, by the input's name, -1
    /// likewise.
    package private(set) var rowInputs: [(name: String, numbers: [Int32])]
    /// `[trainedCapacity, width]` each: the same in real numbers, zero where nothing is.
    package private(set) var rowWeights: [(name: String, numbers: [Float])]
    /// The classes of each sample, where there are classes.
    package private(set) var labels: [[Int]] = []
    /// What the loss takes of the whole batch beside
    /// (``ComparingObjective/batchNumbers(of:probes:)``).
    package var batchNumbers: [Float] = []
    /// `[trainedCapacity, features]`: a teacher's hidden states of the rows that the loss looks at;
    /// empty where there is none.
    package var guide: [Float] = []
    package private(set) var tokenCount = 0
    /// Rows that the loss looks at.
    package private(set) var lossRowCount = 0
    /// Tokens that are trained.
    package private(set) var trainedCount = 0
    /// The sum of what the samples count in the mean over a batch.
    package private(set) var weight = 0.0

    /// Packs samples into rows.
    ///
    /// - Parameters:
    ///   - window: tokens that a sliding layer sees, itself included (position `i` sees `j` with
    ///     `i - window < j <= i`); nil: no such layers.
    ///   - rotaryLength: the length by which a run chooses its rotary factors; the run's own where
    ///     nil.
    /// - Precondition: the samples' tokens and rows of the loss fit the capacities.
    package init(
        _ samples: [Sample], for objective: any Objective = SupervisedObjective(), tokenCapacity: Int, trainedCapacity: Int, window: Int?,
        rotary: RotaryRows, rotaryLength: Int? = nil
    ) {
        self.tokenCapacity = tokenCapacity
        self.trainedCapacity = trainedCapacity
        tokens = Array(repeating: 0, count: tokenCapacity)
        rotaryRows = Array(repeating: 0, count: tokenCapacity)
        keyRanges = Array(repeating: 0, count: 2 * tokenCapacity)
        queryRanges = keyRanges
        if window != nil { (windowKeyRanges, windowQueryRanges) = (keyRanges, keyRanges) }
        var lossRows = LossRows(objective)
        (trainedRows, rowInputs, rowWeights) = ([], [], [])
        for sample in samples {
            let firstRows = sample.runs.map { place($0.ids, window, rotary, rotaryLength) }
            objective.addRows(of: sample, at: firstRows, to: &lossRows)
            labels.append(sample.labels ?? [])
            trainedCount += sample.size.trainedTokenCount
            weight += objective.weight(of: sample)
        }
        lossRowCount = lossRows.rows.count
        let filled = { (numbers: [Int32]) in numbers + Array(repeating: -1, count: max(0, trainedCapacity - numbers.count)) }
        trainedRows = filled(lossRows.rows)
        rowInputs = zip(objective.rowInputs, lossRows.inputs).map { ($0, filled($1)) }
        rowWeights = zip(objective.rowWeights, lossRows.weights).map { input, numbers in
            (input.name, numbers + Array(repeating: 0, count: max(0, trainedCapacity * input.width - numbers.count)))
        }
    }

    /// The same rows as another model sees them: with its window and its table of rotation.
    /// - Precondition: they fit the capacities.
    init(_ other: PackedBatch, _ size: ProgramSize, window: Int?, rotary: RotaryRows) {
        self.init([], tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount, window: window, rotary: rotary)
        var start = 0
        while start < other.tokenCount {
            // The first token of a run is seen by all of it.
            let end = min(other.tokenCount, max(start + 1, Int(other.queryRanges[2 * start + 1])))
            _ = place(Array(other.tokens[start..<end]), window, rotary, nil)
            start = end
        }
        lossRowCount = other.lossRowCount
        trainedRows.replaceSubrange(..<lossRowCount, with: other.trainedRows.prefix(lossRowCount))
        (rowInputs, rowWeights) = ([], [])
    }

    /// Puts the tokens of a run behind those that are there; returns the row of the first.
    private mutating func place(_ ids: [Int32], _ window: Int?, _ rotary: RotaryRows, _ rotaryLength: Int?) -> Int {
        let start = tokenCount
        let end = start + ids.count
        let firstRotaryRow = rotary.firstRow(exampleLength: rotaryLength ?? ids.count)
        for (position, id) in ids.enumerated() {
            let row = start + position
            tokens[row] = id
            rotaryRows[row] = Int32(truncatingIfNeeded: firstRotaryRow + position)
            Self.set(&keyRanges, row, start, row + 1)
            Self.set(&queryRanges, row, row, end)
            if let window {
                Self.set(&windowKeyRanges, row, max(start, row + 1 - window), row + 1)
                Self.set(&windowQueryRanges, row, row, min(end, row + window))
            }
        }
        tokenCount = end
        return start
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
