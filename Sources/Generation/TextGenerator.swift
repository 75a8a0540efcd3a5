import Glibc
package import Graph
package import Models
import Runtime
import Tensors

/// Continues token sequences with a model: one pass over the prompt, then one token at a time over
/// cached keys and values.
package final class TextGenerator {
    private let model: LanguageModel
    private let capacity: Int
    /// By the number of rows: those of a piece of the prompt, and one.
    private let programs: ProgramCache<Int>

    /// Loads the model for sequences of at most `capacity` tokens, prompt included.
    /// - Throws: ``ModelError``, ``GraphError``, and what the device throws.
    package init(model: LanguageModel, device: any ComputeDevice, capacity: Int) throws {
        self.model = model
        self.capacity = capacity
        let loaded = try LoadedModel(model, on: device, with: model.cacheTensors(capacity: capacity))
        programs = try ProgramCache(loaded, largest: [Self.promptRows(capacity), 1]) { rows in
            try Self.graph(model, tokenCount: rows, capacity: capacity)
        }
    }

    /// How many plans were made so far.
    package var planCount: Int { programs.planCount }

    private static func promptRows(_ capacity: Int) -> Int { min(256, max(64, (capacity + 63) / 64 * 64)) }

    private static func graph(_ model: LanguageModel, tokenCount: Int, capacity: Int) throws(GraphError) -> Graph {
        var graph = Graph()
        let pass = try model.addForward(to: &graph, tokenCount: tokenCount, isTraining: false, cacheCapacity: capacity)
        let row = graph.input("lastRow", TensorType(rows: 1, columns: 1, .int32))
        let last = try graph.add(GatherRows(), [pass.hidden, row])[0]
        graph.markOutput(try pass.addLogits(of: last, to: &graph), "logits")
        graph.removeDeadNodes()
        return graph
    }

    /// The logits that follow a sequence's tokens, of which those before `start` are in the cache.
    private func logits(_ tokens: ArraySlice<Int32>, start: Int, firstRotaryRow: Int) throws -> [Float] {
        let rows = tokens.count == 1 ? 1 : Self.promptRows(capacity)
        let program = try programs.program(rows)
        var ids = [Int32](repeating: 0, count: rows)
        var rotary = ids
        var places = [Int32](repeating: -1, count: rows)
        var ranges = [Int32](repeating: 0, count: 2 * rows)
        var windowRanges = ranges
        for (row, token) in tokens.enumerated() {
            let position = start + row
            ids[row] = token
            rotary[row] = Int32(truncatingIfNeeded: firstRotaryRow + position)
            places[row] = Int32(truncatingIfNeeded: position)
            ranges[2 * row + 1] = Int32(truncatingIfNeeded: position + 1)
            windowRanges[2 * row] = Int32(truncatingIfNeeded: max(0, position + 1 - (model.configuration.slidingWindow ?? .max / 2)))
            windowRanges[2 * row + 1] = ranges[2 * row + 1]
        }
        try program.write(ids, to: ModelInput.tokens)
        try program.write(rotary, to: ModelInput.rotaryRows)
        try program.write(places, to: ModelInput.cacheRows)
        try program.write(ranges, to: ModelInput.keyRanges)
        try program.write(windowRanges, to: ModelInput.windowKeyRanges)
        try program.write([Int32(truncatingIfNeeded: tokens.count - 1)], to: "lastRow")
        try program.executable.run()
        var logits = try program.executable.readFloats("logits", count: model.configuration.vocabularySize)
        let cap = Float(model.configuration.finalSoftCap)
        if cap != 0 { for index in logits.indices { logits[index] = cap * tanh(logits[index] / cap) } }
        return logits
    }

    /// Continues a prompt until an end token, `maximumTokens`, or the capacity.
    /// - Parameter onToken: called with each new token; returning false stops.
    /// - Returns: the new tokens, without the end token; none where the prompt is empty or leaves
    ///   no room.
    /// - Throws: ``ModelError`` if the prompt has a token id for which the model has no row, and
    ///   what the device throws.
    package func generate(
        _ prompt: [Int32], maximumTokens: Int, endIDs: Set<Int32>, sampling: SamplingSettings = SamplingSettings(),
        onToken: (Int32) -> Bool = { _ in true }
    ) throws -> [Int32] {
        try model.configuration.requireEmbedding(of: prompt.lazy.map { Int($0) }, from: "the prompt")
        guard !prompt.isEmpty, prompt.count < capacity else { return [] }
        let total = min(capacity, prompt.count + maximumTokens)
        let firstRotaryRow = model.rotaryRows.firstRow(exampleLength: total)
        var sampler = TokenSampler(sampling)
        var position = 0
        var next: [Float] = []
        let rows = Self.promptRows(capacity)
        while position < prompt.count {
            let end = min(prompt.count, position + rows)
            next = try logits(prompt[position..<end], start: position, firstRotaryRow: firstRotaryRow)
            position = end
        }
        var generated: [Int32] = []
        while position < total {
            let token = sampler.choose(next)
            if endIDs.contains(token) { break }
            generated.append(token)
            if !onToken(token) { break }
            if generated.count >= maximumTokens { break }
            next = try logits([token], start: position, firstRotaryRow: firstRotaryRow)
            position += 1
        }
        return generated
    }
}
