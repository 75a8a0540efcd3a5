import Glibc
import Graph
import Models
import Runtime
import Tensors

/// A model on a device with its cache, and the programs by the number of rows.
final class EngineModel {
    /// What a program is for: rows, and rows that get logits; with no such rows it gives the states
    /// of all.
    struct Size: Hashable {
        var rows: Int
        var logits: Int
    }

    let model: LanguageModel
    let shape: GenerationShape
    let loaded: LoadedModel
    private let programs: ProgramCache<Size>
    /// The most rows of a step, and the most that get logits.
    let rowLimit: Int
    let logitLimit: Int
    /// The program of the last step, whose logits are read where they lie if they can be; else they
    /// are copied.
    private var lastProgram: Program?
    private var copiedLogits: [Float] = []
    private var pages: [Int32]

    init(_ model: LanguageModel, on device: any ComputeDevice, _ shape: GenerationShape, rowLimit: Int, logitLimit: Int) throws {
        (self.model, self.shape) = (model, shape)
        (self.rowLimit, self.logitLimit) = (Self.step(rowLimit), Self.step(logitLimit))
        loaded = try LoadedModel(model, on: device, with: model.generationTensors(shape))
        if shape.quantizesHead { try model.fillQuantizedHead(loaded.memory) }
        let sizes = Self.sizes(rowLimit: rowLimit, logitLimit: logitLimit)
        programs = try ProgramCache(loaded, largest: sizes) { size in
            try Self.graph(model, size, shape)
        }
        pages = Array(repeating: -1, count: shape.sequenceCount * shape.pagesPerSequence)
    }

    /// The sizes of program that need the most memory, the largest first.
    private static func sizes(rowLimit: Int, logitLimit: Int) -> [Size] {
        let rows = step(rowLimit)
        return [Size(rows: rows, logits: min(rows, step(logitLimit))), Size(rows: 1, logits: 1)]
    }

    /// Bytes of weights, cache, the arena of the largest steps, and their logits, before anything
    /// is allocated.
    /// - Throws: ``GraphError`` where a tensor does not fit the device's limits.
    static func byteCount(
        _ model: LanguageModel, on device: any ComputeDevice, _ shape: GenerationShape, rowLimit: Int, logitLimit: Int,
        countingMapped: Bool
    ) throws -> Int {
        let layout = try model.layout(within: device.limits, with: model.generationTensors(shape))
        let planner = Planner(limits: device.limits, layout: layout)
        let sizes = Self.sizes(rowLimit: rowLimit, logitLimit: logitLimit)
        let plans = try sizes.map { try planner.plan(graph(model, $0, shape)) }
        let logits = sizes[0].logits * model.configuration.vocabularySize * 4
        return layout.allocatedByteCount + (countingMapped ? layout.mappedByteCount : 0) + ProgramMemory.arenaBlocks(of: plans).reduce(0, +)
            + logits
    }

    /// How many plans were made so far.
    var planCount: Int { programs.planCount }
    var vocabularySize: Int { model.configuration.vocabularySize }

    private static func graph(_ model: LanguageModel, _ size: Size, _ shape: GenerationShape) throws(GraphError) -> Graph {
        var graph = Graph()
        let pass = try model.addForward(to: &graph, tokenCount: size.rows, isTraining: false, generation: shape)
        guard size.logits > 0 else {
            // Read as float32, whatever activations are.
            let isFloat32 = graph.type(of: pass.hidden).elementType == .float32
            graph.markOutput(isFloat32 ? pass.hidden : try graph.add(Convert(to: .float32), [pass.hidden])[0], "states")
            graph.removeDeadNodes()
            return graph
        }
        let rows = graph.input("logitRows", TensorType(rows: size.logits, columns: 1, .int32))
        let last = try graph.add(GatherRows(), [pass.hidden, rows])[0]
        graph.markOutput(try pass.addLogits(of: last, to: &graph), "logits")
        graph.removeDeadNodes()
        return graph
    }

    /// The next power of two.
    static func step(_ count: Int) -> Int {
        var step = 1
        while step < count { step *= 2 }
        return step
    }

    /// Prepares the programs that steps of some rows need, so that none is prepared while somebody
    /// waits.
    func prepare(decodeRows: Int) throws {
        var rows = 1
        while rows <= Self.step(decodeRows) {
            _ = try programs.program(Size(rows: rows, logits: min(rows, logitLimit)))
            rows *= 2
        }
        _ = try programs.program(Size(rows: rowLimit, logits: 1))
    }

    /// Sets the pages of a sequence.
    func setPages(_ held: [Int32], slot: Int) {
        for index in 0..<shape.pagesPerSequence {
            pages[slot * shape.pagesPerSequence + index] = index < held.count ? held[index] : -1
        }
    }

    /// One row of a step.
    struct Row {
        var token: Int32
        var position: Int
        var slot: Int
        var rotaryRow: Int
        var adapter: Int
        var wantsLogits: Bool
    }

    /// Writes rows into the program that computes them; gives it, its size, and how many of the
    /// rows want logits.
    private func load(_ rows: [Row], givesStates: Bool = false) throws -> (program: Program, size: Size, wanted: Int) {
        let wanted = rows.filter(\.wantsLogits).count
        var size = Size(rows: Self.step(rows.count), logits: givesStates ? 0 : Self.step(max(1, wanted)))
        while !programs.fits(size), size.rows < rowLimit { size.rows *= 2 }
        if !programs.fits(size), !givesStates { size = Size(rows: rowLimit, logits: min(rowLimit, logitLimit)) }
        let program = try programs.program(size)
        var tokens = [Int32](repeating: 0, count: size.rows)
        var (rotary, sequences) = (tokens, [Int32](repeating: -1, count: size.rows))
        var (places, routes) = (sequences, sequences)
        var ranges = [Int32](repeating: 0, count: 2 * size.rows)
        var windowRanges = ranges
        var logitRows = [Int32](repeating: -1, count: size.logits)
        var next = 0
        for (index, row) in rows.enumerated() {
            tokens[index] = row.token
            rotary[index] = Int32(truncatingIfNeeded: row.rotaryRow)
            sequences[index] = Int32(truncatingIfNeeded: row.slot)
            routes[index] = Int32(truncatingIfNeeded: row.adapter)
            let (page, place) = row.position.quotientAndRemainder(dividingBy: GenerationShape.pageRows)
            places[index] = pages[row.slot * shape.pagesPerSequence + page] * Int32(GenerationShape.pageRows) + Int32(place)
            let end = row.position + 1
            ranges[2 * index + 1] = Int32(truncatingIfNeeded: end)
            windowRanges[2 * index] = Int32(truncatingIfNeeded: max(0, end - (model.configuration.slidingWindow ?? .max / 2)))
            windowRanges[2 * index + 1] = ranges[2 * index + 1]
            if row.wantsLogits {
                logitRows[next] = Int32(truncatingIfNeeded: index)
                next += 1
            }
        }
        try program.write(tokens, to: ModelInput.tokens)
        try program.write(rotary, to: ModelInput.rotaryRows)
        try program.write(places, to: ModelInput.cacheRows)
        try program.write(ranges, to: ModelInput.keyRanges)
        try program.write(windowRanges, to: ModelInput.windowKeyRanges)
        try program.write(sequences, to: ModelInput.sequences)
        try program.write(pages, to: ModelInput.pages)
        try program.write(routes, to: ModelInput.adapterRoutes)
        if !givesStates { try program.write(logitRows, to: "logitRows") }
        return (program, size, wanted)
    }

    /// The seconds of each call of the program of these rows, run call by call.
    func profile(_ rows: [Row]) throws -> (plan: Plan, seconds: [Double]) {
        let (program, _, _) = try load(rows)
        _ = try program.executable.profile()
        return (program.plan, try program.executable.profile())
    }

    /// Computes rows, at most ``rowLimit``.
    /// - Returns: their normalised hidden states `[rows, hidden size]`.
    /// - Throws: ``GraphError``, and what the device throws.
    func states(_ rows: [Row]) throws -> [Float] {
        let (program, size, _) = try load(rows, givesStates: true)
        try program.executable.run()
        let width = model.configuration.hiddenSize
        var states = [Float](repeating: 0, count: size.rows * width)
        try states.withUnsafeMutableBytes { try program.executable.read("states", into: $0) }
        return Array(states.prefix(rows.count * width))
    }

    /// Computes rows, at most ``rowLimit``, of which at most ``logitLimit`` want logits:
    /// ``withLogits(_:_:)`` has them then, in the rows' order.
    /// - Returns: the rows of the program that computed them.
    /// - Throws: ``GraphError``, and what the device throws.
    func run(_ rows: [Row]) throws -> Int {
        let (program, size, wanted) = try load(rows)
        try program.executable.run()
        lastProgram = program
        guard wanted > 0 else { return size.rows }
        if program.executable.place(of: "logits") == nil {
            let count = size.logits * vocabularySize
            if copiedLogits.count < count { copiedLogits = Array(repeating: 0, count: count) }
            try copiedLogits.withUnsafeMutableBytes { bytes in
                try program.executable.read("logits", into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<(count * 4)]))
            }
        }
        let cap = Float(model.configuration.finalSoftCap)
        if cap != 0 { for row in 0..<wanted { withLogits(row) { for index in $0.indices { $0[index] = cap * tanh($0[index] / cap) } } } }
        return size.rows
    }

    /// Calls the body with the logits of the n-th row that wanted them.
    func withLogits<Result>(_ row: Int, _ body: (UnsafeMutableBufferPointer<Float>) -> Result) -> Result {
        let own = row * vocabularySize..<(row + 1) * vocabularySize
        if let place = lastProgram?.executable.place(of: "logits") {
            return body(UnsafeMutableBufferPointer(rebasing: place.bindMemory(to: Float.self)[own]))
        }
        return copiedLogits.withUnsafeMutableBufferPointer { body(UnsafeMutableBufferPointer(rebasing: $0[own])) }
    }
}
