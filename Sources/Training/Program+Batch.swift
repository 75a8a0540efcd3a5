import Models
import Runtime

extension Program {
    /// Writes what a micro-batch gives to the inputs that read it.
    func write(_ batch: PackedBatch) throws {
        try write(batch.tokens, to: ModelInput.tokens)
        try write(batch.rotaryRows, to: ModelInput.rotaryRows)
        try write(batch.keyRanges, to: ModelInput.keyRanges)
        try write(batch.queryRanges, to: ModelInput.queryRanges)
        try write(batch.windowKeyRanges, to: ModelInput.windowKeyRanges)
        try write(batch.windowQueryRanges, to: ModelInput.windowQueryRanges)
        try write(batch.trainedRows, to: ProgramInput.trainedRows)
        for input in batch.rowInputs { try write(input.numbers, to: input.name) }
        if !batch.batchNumbers.isEmpty { try write(batch.batchNumbers, to: ProgramInput.batchNumbers) }
        if !batch.guide.isEmpty { try write(batch.guide, to: ProgramInput.guide) }
        for input in batch.rowWeights { try write(input.numbers, to: input.name) }
    }
}
