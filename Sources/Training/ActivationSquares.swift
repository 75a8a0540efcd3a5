import Datasets
package import Graph
package import Models
import Runtime

/// Runs texts through a model and adds up the squares of what its weights are multiplied by, column
/// by column: what an importance matrix is made of.
///
/// Texts lie one behind the other in programs of equal size, without a row that fills up; the one
/// that does not fit any more is cut. The same texts give the same sums.
package final class ActivationSquares {
    /// What was summed of one weight.
    package struct Sum: Sendable, Hashable {
        /// `[columns]`.
        package var squares: [Float]
        /// Rows that it was multiplied by.
        package var rowCount: Int
    }
    private let model: LanguageModel
    private let loaded: LoadedModel
    private let cache: ProgramCache<Int>
    private let batches: [[[Int32]]]
    private let sums: [SquareSum]
    /// Rows of each expert, by the output that says where they begin.
    private var expertRows: [String: [Int]] = [:]
    private var rowCount = 0

    /// Tokens of all programs.
    package let tokenCount: Int
    /// Tokens of a program, and how many run.
    package var pieceLength: Int { batches.first.map { $0.reduce(0) { $0 + $1.count } } ?? 0 }
    package var pieceCount: Int { batches.count }

    /// Loads the model.
    /// - Parameters:
    ///   - model: made for texts of the longest length.
    ///   - texts: token ids of each, none of which is empty.
    ///   - rowLimit: tokens of a program.
    /// - Throws: ``ModelError``, ``GraphError``, and what the device throws.
    package init(_ model: LanguageModel, device: any ComputeDevice, texts: [[Int32]], rowLimit: Int = 1024) throws {
        self.model = model
        let batches = Self.batches(texts, rowLimit: rowLimit)
        self.batches = batches
        tokenCount = batches.reduce(0) { $0 + $1.reduce(0) { $0 + $1.count } }
        var probe = Graph()
        sums = try model.addForward(to: &probe, tokenCount: 1, isTraining: false, countsSquares: true).squareSums
        // Several sums share an output.
        for sum in sums {
            if let output = sum.offsetsOutput { expertRows[output] = [Int](repeating: 0, count: sum.tensor.type.rows) }
        }
        loaded = try LoadedModel(model, on: device, with: sums.map(\.tensor))
        var sizes: [Int] = []
        for batch in batches {
            let size = batch.reduce(0) { $0 + $1.count }
            if !sizes.contains(size) { sizes.append(size) }
        }
        cache = try ProgramCache(loaded, largest: sizes) { count in
            var graph = Graph()
            _ = try model.addForward(to: &graph, tokenCount: count, isTraining: false, countsSquares: true)
            graph.removeDeadNodes()
            return graph
        }
    }

    /// Programs of so many tokens each, but for the last.
    static func batches(_ texts: [[Int32]], rowLimit: Int) -> [[[Int32]]] {
        var batches: [[[Int32]]] = []
        var (batch, room) = ([[Int32]](), rowLimit)
        for text in texts where !text.isEmpty {
            let part = Array(text.prefix(room))
            batch.append(part)
            room -= part.count
            if room == 0 {
                batches.append(batch)
                (batch, room) = ([], rowLimit)
            }
        }
        if !batch.isEmpty { batches.append(batch) }
        return batches
    }

    /// Runs all programs.
    /// - Parameter progress: told how many tokens are done, of how many; what it throws ends it.
    package func run(progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }) throws {
        for batch in batches {
            let count = batch.reduce(0) { $0 + $1.count }
            let program = try cache.program(count)
            try program.write(
                PackedBatch(
                    batch.map { ids in Sample(ids: ids, isTrained: ids.map { _ in false }) }, tokenCapacity: count, trainedCapacity: 0,
                    window: model.configuration.slidingWindow, rotary: model.rotaryRows))
            try program.executable.run()
            rowCount += count
            for (output, before) in expertRows {
                let offsets = try program.executable.read(output, count: before.count + 1, as: Int32.self, zero: 0)
                expertRows[output] = before.indices.map { before[$0] + Int(offsets[$0 + 1]) - Int(offsets[$0]) }
            }
            try progress(rowCount, tokenCount)
        }
    }

    /// What was summed, by the weights' names in the checkpoint.
    package func result() throws -> [String: Sum] {
        var result: [String: Sum] = [:]
        for sum in sums {
            let squares = try model.read(sum.tensor.key, loaded.memory)
            let columns = sum.tensor.type.columns
            let rows = sum.offsetsOutput.flatMap { expertRows[$0] }
            for weights in sum.weights {
                for (index, name) in weights.enumerated() where squares.count >= (index + 1) * columns {
                    result[name] = Sum(
                        squares: Array(squares[index * columns..<(index + 1) * columns]), rowCount: rows.map { $0[index] } ?? rowCount)
                }
            }
        }
        return result
    }
}
