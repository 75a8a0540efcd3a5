package import Graph
import Models
import Runtime
import Tensors

/// A model on a device that is evaluated and not trained: it has no gradients and no optimizer
/// state.
package final class Evaluator {
    private let programs: Programs
    private let cache: ProgramCache<ProgramKey>
    /// The size of the largest micro-batch.
    private let largest: ProgramSize

    /// Allocates and fills the model's memory, and an arena for these micro-batches.
    /// - Throws: as ``TrainingSession`` does.
    package init(device: any ComputeDevice, programs: Programs, batches: [PackedBatch]) throws {
        self.programs = programs
        largest = ProgramSize(
            tokenCount: batches.map(\.tokenCapacity).max() ?? 0, trainedCount: batches.map(\.trainedCapacity).max() ?? 0)
        let loaded = try LoadedModel(programs.model, on: device)
        cache = try ProgramCache(loaded, largest: Self.keys(batches)) { try programs.graph($0) }
    }

    private static func keys(_ batches: [PackedBatch]) -> [ProgramKey] {
        var sizes: [ProgramSize] = []
        for batch in batches {
            let size = ProgramSize(tokenCount: batch.tokenCapacity, trainedCount: batch.trainedCapacity)
            if !sizes.contains(size) { sizes.append(size) }
        }
        return sizes.map { .evaluation($0) }
    }

    /// Bytes that an evaluator of these micro-batches takes, weights that stay in their mapped file
    /// included.
    package static func byteCount(device: any ComputeDevice, programs: Programs, batches: [PackedBatch]) throws -> Int {
        let planner = Planner(limits: device.limits, layout: try programs.model.layout(within: device.limits))
        let plans = try keys(batches).map { try planner.plan(programs.graph($0)) }
        let weights = programs.model.frozenTensors.reduce(0) { $0 + $1.type.rows * $1.type.columns * $1.type.elementType.byteCount }
        return weights + ProgramMemory.arenaBlocks(of: plans).reduce(0, +)
    }

    /// The size of program for so many tokens and rows of the loss: the nearest whose plan fits the
    /// arena, or that of the largest micro-batch.
    package func size(tokens: Int, trained: Int) -> ProgramSize {
        let near = ProgramSize(serving: tokens, trained: trained)
        let isSmaller = near.tokenCount <= largest.tokenCount && near.trainedCount <= largest.trainedCount
        return isSmaller && cache.fits(.evaluation(near)) ? near : largest
    }

    /// What the objective measures of a micro-batch, and the loss of each row that it looks at.
    package func evaluateRows(_ batch: PackedBatch) throws -> (measures: Measures, losses: [Float]) {
        let measures = try evaluate([batch])
        let size = ProgramSize(tokenCount: batch.tokenCapacity, trainedCount: batch.trainedCapacity)
        let program = try cache.program(.evaluation(size))
        return (
            measures,
            Array(try program.executable.readFloats(ProgramOutput.losses, count: batch.trainedCapacity).prefix(batch.lossRowCount))
        )
    }

    /// What the objective measures of micro-batches.
    package func evaluate(_ batches: [PackedBatch]) throws -> Measures {
        var sum = Measures()
        for batch in batches {
            let size = ProgramSize(tokenCount: batch.tokenCapacity, trainedCount: batch.trainedCapacity)
            let program = try cache.program(.evaluation(size))
            try program.write([Float(1)], to: ProgramInput.lossScale)
            try program.write(batch)
            try program.executable.run()
            sum += try programs.objective.measures(of: batch) { output, count in try program.executable.readFloats(output, count: count) }
        }
        return sum
    }
}
