import CPUBackend
import Graph
import Tensors
import Testing

/// The gradient rules of operations, against the change of what they compute.
@Suite struct GradientRuleTests {
    /// What is made of `y = x·wᵀ` `[6, 8]` with a trained `w`.
    struct Rule: Sendable, CustomStringConvertible {
        let description: String
        let body: @Sendable (inout Graph, ValueID) throws(GraphError) -> ValueID

        init(_ name: String, _ body: @escaping @Sendable (inout Graph, ValueID) throws(GraphError) -> ValueID) {
            description = name
            self.body = body
        }
    }

    static let rules = [
        Rule("the product itself") { _, y throws(GraphError) in y },
        Rule("SliceRows") { graph, y throws(GraphError) in try graph.add(SliceRows(start: 1, count: 3), [y])[0] },
        Rule("two slices that overlap") { graph, y throws(GraphError) in
            let a = try graph.add(SliceRows(start: 0, count: 4), [y])[0]
            let b = try graph.add(SliceRows(start: 2, count: 4), [y])[0]
            return try graph.add(GatedActivation(.silu), [a, b])[0]
        },
        Rule("SplitColumns") { graph, y throws(GraphError) in
            let parts = try graph.add(SplitColumns(widths: [4, 4]), [y])
            return try graph.add(GatedActivation(.geluTanh), parts)[0]
        },
        Rule("ConcatenateColumns") { graph, y throws(GraphError) in
            let other = try graph.add(SliceRows(start: 0, count: 6), [y])[0]
            return try graph.add(ConcatenateColumns(), [y, other])[0]
        },
        Rule("ConcatenateRows") { graph, y throws(GraphError) in
            let other = try graph.add(SliceRows(start: 4, count: 2), [y])[0]
            return try graph.add(ConcatenateRows(), [other, y])[0]
        },
        Rule("GatherRows") { graph, y throws(GraphError) in
            try graph.add(GatherRows(), [y, graph.input("rows", TensorType(rows: 4, columns: 1, .int32))])[0]
        },
        Rule("ScatterRows") { graph, y throws(GraphError) in
            let some = try graph.add(SliceRows(start: 2, count: 4), [y])[0]
            return try graph.add(ScatterRows(rowCount: 7), [some, graph.input("rows", TensorType(rows: 4, columns: 1, .int32))])[0]
        },
        Rule("RMSNorm") { graph, y throws(GraphError) in
            try graph.add(RMSNorm(epsilon: 1e-5, groupCount: 2), [y, graph.input("weight", TensorType(rows: 1, columns: 4, .float32))])[0]
        },
        Rule("LayerNorm") { graph, y throws(GraphError) in
            let vector = TensorType(rows: 1, columns: 8, .float32)
            return try graph.add(LayerNorm(epsilon: 1e-5), [y, graph.input("weight", vector), graph.input("bias", vector)])[0]
        },
        Rule("Activation gelu") { graph, y throws(GraphError) in try graph.add(Activation(.gelu), [y])[0] },
        Rule("Activation geluTanh") { graph, y throws(GraphError) in try graph.add(Activation(.geluTanh), [y])[0] },
        Rule("Scale") { graph, y throws(GraphError) in try graph.add(Scale(by: 0.22), [y])[0] },
        Rule("RotaryEmbedding of neighbouring pairs") { graph, y throws(GraphError) in
            let table = graph.input("table", TensorType(rows: 6, columns: 2, .float32))
            let rows = graph.input("positions", TensorType(rows: 6, columns: 1, .int32))
            return try graph.add(RotaryEmbedding(headWidth: 4, isInterleaved: true), [y, table, rows])[0]
        },
        Rule("ScaleColumns") { graph, y throws(GraphError) in
            let vector = TensorType(rows: 1, columns: 8, .float32)
            return try graph.add(ScaleColumns(), [y, graph.input("weight", vector), graph.input("bias", vector)])[0]
        },
        Rule("Multiply") { graph, y throws(GraphError) in
            let parts = try graph.add(SplitColumns(widths: [4, 4]), [y])
            return try graph.add(Multiply(), parts)[0]
        },
        Rule("ClampedGate") { graph, y throws(GraphError) in
            let parts = try graph.add(SplitColumns(widths: [4, 4]), [y])
            return try graph.add(ClampedGate(ClampedGateShape(alpha: 1.702, limit: 7)), parts)[0]
        },
        Rule("BiasAdd") { graph, y throws(GraphError) in
            try graph.add(BiasAdd(), [y, graph.input("weight", TensorType(rows: 1, columns: 8, .float32))])[0]
        },
    ]

    /// Numbers between -1 and 1, the same for the same seed.
    static func numbers(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Double(state >> 33) / Double(1 << 31) * 2 - 1)
        }
    }

    @Test(arguments: rules) func aGradientIsTheChangeOfWhatIsComputed(_ rule: Rule) throws {
        let layout = TrainableLayout([.init(key: "w", rows: 8, columns: 4, isDecayed: true)])
        let parameter = try #require(layout.tensor(of: "w", .parameter))
        let gradient = try #require(layout.tensor(of: "w", .gradient))
        var graph = Graph()
        let x = graph.input("x", TensorType(rows: 6, columns: 4, .float32))
        let y = try graph.add(MatrixProduct(transposesB: true), [x, graph.persistent(parameter)])[0]
        let result = try rule.body(&graph, y)
        let nodeCount = graph.nodes.count
        let type = graph.type(of: result)
        // A copy for the host, which the backward pass does not look at.
        graph.markOutput(try graph.add(Convert(to: .float32), [result])[0], "result")
        let seed = graph.input("seed", type)
        let whole = try Differentiation.backward(of: graph, nodeCount: nodeCount, seeds: [(result, seed)], layout: layout)

        let device = try CPUDevice(threadCount: 1)
        let tensors = layout.pageTensors([.parameter, .gradient]) + [parameter, gradient]
        let memory = try device.makePersistentMemory(PersistentLayout(tensors, limits: device.limits), mapped: [:])
        let plan = try Planner(limits: device.limits, layout: memory.layout).plan(whole)
        let executable = try device.makeExecutable(plan, persistent: memory, arena: device.makeArena(blocks: plan.transientBlocks))
        let weights = Self.numbers(32, seed: 1)
        let seeds = Self.numbers(type.elementCount, seed: 2)
        try executable.write(Self.numbers(24, seed: 3), to: "x")
        try executable.write(seeds, to: "seed")
        if plan.inputs["rows"] != nil { try executable.write([Int32(3), 0, -1, 5], to: "rows") }
        for name in ["weight", "bias", "table"] {
            if let place = plan.inputs[name] { try executable.write(Self.numbers(place.type.elementCount, seed: 4), to: name) }
        }
        if plan.inputs["positions"] != nil { try executable.write((0..<6).map { Int32($0) }, to: "positions") }

        /// The sum of all results, each times its seed.
        func value(_ weights: [Float]) throws -> Double {
            let placement = try #require(memory.layout.placements["w"])
            try weights.withUnsafeBytes { try memory.write($0, to: placement) }
            try executable.run()
            return zip(try executable.readFloats("result", count: type.elementCount), seeds).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        _ = try value(weights)
        var found = [Float](repeating: 0, count: 32)
        let placement = try #require(memory.layout.placements[gradient.key])
        try found.withUnsafeMutableBytes { try memory.read(placement, into: $0) }
        #expect(found.contains { abs($0) > 1e-3 })
        for index in weights.indices {
            let step: Float = 0.01
            var (more, less) = (weights, weights)
            more[index] += step
            less[index] -= step
            let slope = (try value(more) - value(less)) / Double(more[index] - less[index])
            #expect(
                abs(slope - Double(found[index])) < 2e-3 * max(1, abs(slope)), "weight \(index): \(found[index]), the slope is \(slope)")
        }
    }
}
