package import Graph
package import Models
import Glibc
import Tensors

/// How the next token is chosen.
package struct SamplingSettings: Sendable, Hashable {
    /// 0 takes the likeliest token.
    package var temperature: Double
    /// Only the likeliest tokens that together have this probability are drawn from.
    package var topP: Double
    package var seed: UInt64

    package init(temperature: Double = 0, topP: Double = 1, seed: UInt64 = 0) {
        self.temperature = temperature
        self.topP = topP
        self.seed = seed
    }
}

/// Continues token sequences with a model: one pass over the prompt, then one token at a time over cached keys and values.
package final class TextGenerator {
    private let model: LanguageModel
    private let device: any ComputeDevice
    private let persistent: any PersistentMemory
    private let arena: any Arena
    private let planner: Planner
    private let capacity: Int
    private var programs: [Int: (executable: any Executable, plan: Plan)] = [:]

    /// Loads the model for sequences of at most `capacity` tokens, prompt included.
    /// - Throws: ``ModelError``, ``GraphError``, and what the device throws.
    package init(model: LanguageModel, device: any ComputeDevice, capacity: Int) throws {
        self.model = model
        self.device = device
        self.capacity = capacity
        let graph = try Self.graph(model, tokenCount: Self.promptRows(capacity), capacity: capacity)
        let caches = graph.persistentTensors.filter { $0.kind == .cache }
        let layout = model.trainables
        let parameters = layout.pageTensors([.parameter]) + layout.parameters.compactMap { layout.tensor(of: $0.key, .parameter) }
        let mapped = device.limits.mapsWeights ? model.mappedWeights : [:]
        let placed = try PersistentLayout(model.frozenTensors + parameters + caches, limits: device.limits, mappedWeights: Set(mapped.keys))
        var blocks: [Int: UnsafeRawBufferPointer] = [:]
        for (index, block) in placed.blocks.enumerated() { if let key = block.mappedWeight { blocks[index] = mapped[key] } }
        persistent = try device.makePersistentMemory(placed, mapped: blocks)
        try model.fill(persistent, mapped: Set(mapped.keys))
        planner = Planner(limits: device.limits, layout: placed)
        let plan = try planner.plan(graph)
        let single = try planner.plan(Self.graph(model, tokenCount: 1, capacity: capacity))
        let blockCount = max(plan.transientBlocks.count, single.transientBlocks.count)
        arena = try device.makeArena(
            blocks: (0..<blockCount).map { index in
                [plan, single].compactMap { index < $0.transientBlocks.count ? $0.transientBlocks[index] : nil }.max() ?? 0
            })
    }

    private static func promptRows(_ capacity: Int) -> Int { min(256, max(64, (capacity + 63) / 64 * 64)) }

    private static func graph(_ model: LanguageModel, tokenCount: Int, capacity: Int) throws(GraphError) -> Graph {
        var graph = Graph()
        let pass = try model.addForward(to: &graph, tokenCount: tokenCount, isTraining: false, cacheCapacity: capacity)
        let row = graph.input("lastRow", TensorType(rows: 1, columns: 1, .int32))
        let last = try graph.add(GatherRows(), [pass.hidden, row])[0]
        let logits = try graph.add(MatrixProduct(transposesB: true), [last, pass.headWeight], names: ["logits"])[0]
        graph.markOutput(logits, "logits")
        graph.removeDeadNodes()
        return graph
    }

    /// The logits that follow a sequence's tokens, of which those before `start` are in the cache.
    private func logits(_ tokens: ArraySlice<Int32>, start: Int, firstRotaryRow: Int) throws -> [Float] {
        let rows = tokens.count == 1 ? 1 : Self.promptRows(capacity)
        if programs[rows] == nil {
            let plan = try planner.plan(Self.graph(model, tokenCount: rows, capacity: capacity))
            programs[rows] = (try device.makeExecutable(plan, persistent: persistent, arena: arena), plan)
        }
        guard let program = programs[rows] else { return [] }
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
        func write(_ elements: [Int32], _ name: String) throws {
            if program.plan.inputs[name] != nil { try program.executable.write(elements, to: name) }
        }
        try write(ids, ModelInput.tokens)
        try write(rotary, ModelInput.rotaryRows)
        try write(places, ModelInput.cacheRows)
        try write(ranges, ModelInput.keyRanges)
        try write(windowRanges, ModelInput.windowKeyRanges)
        try write([Int32(truncatingIfNeeded: tokens.count - 1)], "lastRow")
        try program.executable.run()
        var logits = try program.executable.readFloats("logits", count: model.configuration.vocabularySize)
        let cap = Float(model.configuration.finalSoftCap)
        if cap != 0 { for index in logits.indices { logits[index] = cap * tanh(logits[index] / cap) } }
        return logits
    }

    /// Continues a prompt until an end token, `maximumTokens`, or the capacity.
    /// - Parameter onToken: called with each new token; returning false stops.
    /// - Returns: the new tokens, without the end token.
    package func generate(
        _ prompt: [Int32], maximumTokens: Int, endIDs: Set<Int32>, sampling: SamplingSettings = SamplingSettings(),
        onToken: (Int32) -> Bool = { _ in true }
    ) throws -> [Int32] {
        guard !prompt.isEmpty, prompt.count < capacity else { return [] }
        let total = min(capacity, prompt.count + maximumTokens)
        let firstRotaryRow = model.rotaryRows.firstRow(exampleLength: total)
        var random = SamplingNumbers(state: sampling.seed &+ 0x9E37_79B9_7F4A_7C15)
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
            let token = Self.choose(next, sampling, &random)
            if endIDs.contains(token) { break }
            generated.append(token)
            if !onToken(token) { break }
            if generated.count >= maximumTokens { break }
            next = try logits([token], start: position, firstRotaryRow: firstRotaryRow)
            position += 1
        }
        return generated
    }

    private static func choose(_ logits: [Float], _ settings: SamplingSettings, _ random: inout SamplingNumbers) -> Int32 {
        let best = logits.indices.max { logits[$0] < logits[$1] || (logits[$0] == logits[$1] && $0 > $1) } ?? 0
        guard settings.temperature > 0 else { return Int32(truncatingIfNeeded: best) }
        let largest = Double(logits[best])
        var candidates = logits.indices.map { (index: $0, weight: exp((Double(logits[$0]) - largest) / settings.temperature)) }
        if settings.topP < 1 {
            candidates.sort { ($1.weight, $0.index) < ($0.weight, $1.index) }
            let whole = candidates.reduce(0) { $0 + $1.weight }
            var sum = 0.0
            let count = candidates.firstIndex { candidate in
                sum += candidate.weight
                return sum >= settings.topP * whole
            }
            candidates = Array(candidates.prefix((count ?? candidates.count - 1) + 1))
        }
        var left = random.unit() * candidates.reduce(0) { $0 + $1.weight }
        for candidate in candidates {
            left -= candidate.weight
            if left <= 0 { return Int32(truncatingIfNeeded: candidate.index) }
        }
        return Int32(truncatingIfNeeded: candidates.last?.index ?? best)
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
private struct SamplingNumbers {
    var state: UInt64

    mutating func unit() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Double((mixed ^ (mixed >> 31)) >> 11) * 0x1p-53
    }
}
