import Graph
import Tensors
import Testing

/// Which gradients a backward pass has, and what it refuses; what the gradients are worth is tried
/// on a device, by `GradientRuleTests`.
@Suite struct DifferentiationTests {
    static let layout = TrainableLayout([.init(key: "w", rows: 8, columns: 4, isDecayed: true)])

    /// `x·wᵀ` `[6, 8]` with a trained `w`, what `body` makes of it, and the backward pass from
    /// there.
    static func backward(
        recomputing: Set<Int> = [], _ body: (inout Graph, ValueID) throws(GraphError) -> ValueID
    ) throws -> (forward: Graph, whole: Graph) {
        var graph = Graph()
        let x = graph.input("x", TensorType(rows: 6, columns: 4, .float32))
        let tensor = try #require(layout.tensor(of: "w", .parameter))
        graph.currentSegment = 0
        let product = try graph.add(MatrixProduct(transposesB: true), [x, graph.persistent(tensor)])[0]
        let result = try body(&graph, product)
        let nodeCount = graph.nodes.count
        let seed = graph.input("seed", graph.type(of: result))
        let whole = try Differentiation.backward(
            of: graph, nodeCount: nodeCount, seeds: [(result, seed)], layout: layout, recomputedSegments: recomputing)
        return (graph, whole)
    }

    /// Nodes that write a gradient.
    static func stores(_ graph: Graph) -> Int {
        graph.nodes.filter { node in
            node.outputs.contains {
                if case .persistent(let key) = graph.values[$0.index].role { key.hasPrefix("gradient/") } else { false }
            }
        }.count
    }

    @Test func aTrainedTensorReceivesItsGradientThroughEveryViewAndEveryMoveOfRows() throws {
        let rows = TensorType(rows: 6, columns: 1, .int32)
        let bodies: [(String, (inout Graph, ValueID) throws(GraphError) -> ValueID)] = [
            ("SliceRows", { graph, y throws(GraphError) in try graph.add(SliceRows(start: 1, count: 3), [y])[0] }),
            ("ConcatenateColumns", { graph, y throws(GraphError) in try graph.add(ConcatenateColumns(), [y, y])[0] }),
            ("ConcatenateRows", { graph, y throws(GraphError) in try graph.add(ConcatenateRows(), [y, y])[0] }),
            (
                "ScatterRows",
                { graph, y throws(GraphError) in try graph.add(ScatterRows(rowCount: 9), [y, graph.input("rows", rows)])[0] }
            ),
            ("GatherRows", { graph, y throws(GraphError) in try graph.add(GatherRows(), [y, graph.input("rows", rows)])[0] }),
        ]
        for (name, body) in bodies {
            let (forward, whole) = try Self.backward(body)
            #expect(Self.stores(forward) == 0 && Self.stores(whole) > 0, "the gradient is lost in \(name)")
        }
    }

    @Test func anOperationWithoutAGradientRuleIsRefusedByName() {
        #expect {
            try Self.backward { graph, y throws(GraphError) in try graph.add(AttentionDelta(headCount: 2), [y, y])[0] }
        } throws: {
            "\($0)".contains("AttentionDelta")
        }
        #expect {
            try Self.backward { graph, y throws(GraphError) in
                let targets = graph.input("targets", TensorType(rows: 6, columns: 1, .int32))
                let scale = graph.input("scale", TensorType(rows: 1, columns: 1, .float32))
                return try graph.add(CrossEntropy(), [y, targets, scale])[0]
            }
        } throws: {
            "\($0)".contains("CrossEntropy")
        }
    }

    @Test func aGradientThatARuleDoesNotReadOrDoesNotPassOnIsRefused() {
        // The statistic of a norm is for its own backward pass; nothing is differentiated through
        // it.
        #expect {
            try Self.backward { graph, y throws(GraphError) in
                let weight = graph.input("weight", TensorType(rows: 1, columns: 8, .float32))
                return try graph.add(RMSNorm(epsilon: 1e-5), [y, weight])[1]
            }
        } throws: {
            "\($0)".contains("output 1 of RMSNorm")
        }
        // A rotary table that depends on a trained tensor.
        #expect {
            try Self.backward { graph, y throws(GraphError) in
                let x = graph.input("turned", TensorType(rows: 6, columns: 8, .float32))
                return try graph.add(RotaryEmbedding(headWidth: 8), [x, y, graph.input("rows", TensorType(rows: 6, columns: 1, .int32))])[0]
            }
        } throws: {
            "\($0)".contains("RotaryEmbedding with respect to operand 1")
        }
        // The rows of a base under what is scattered over it.
        #expect {
            try Self.backward { graph, y throws(GraphError) in
                let x = graph.input("rows over it", TensorType(rows: 2, columns: 8, .float32))
                let rows = graph.input("rows", TensorType(rows: 2, columns: 1, .int32))
                return try graph.add(ScatterRows(rowCount: 6, hasBase: true), [x, rows, y])[0]
            }
        } throws: {
            "\($0)".contains("ScatterRows with respect to operand 2")
        }
    }

    @Test func whereNothingTrainedIsConcernedNoRuleIsAskedFor() throws {
        let (_, whole) = try Self.backward { graph, y throws(GraphError) in
            let o = graph.input("o", TensorType(rows: 6, columns: 8, .float32))
            let delta = try graph.add(AttentionDelta(headCount: 2), [o, o])[0]
            graph.markOutput(delta, "delta")
            return y
        }
        #expect(Self.stores(whole) == 1)
    }

    @Test func aGradientOfSeveralReadersIsOneSumInTheAccumulator() throws {
        let (_, whole) = try Self.backward { graph, y throws(GraphError) in
            let a = try graph.add(SliceRows(start: 0, count: 4), [y])[0]
            let b = try graph.add(SliceRows(start: 2, count: 4), [y])[0]
            return try graph.add(Add(), [a, b])[0]
        }
        // The second reader adds to what the first has left; the product's gradient is added to the
        // accumulator once.
        let slices = whole.nodes.compactMap { $0.operation as? SliceRowsBackward }
        #expect(slices.map(\.hasAddend) == [false, true])
        #expect(Self.stores(whole) == 1)
        #expect(whole.nodes.last.map { ($0.operation as? MatrixProduct)?.hasAddend } == true)
    }

    @Test func aRecomputedLayerIsComputedOnceMoreAndReadFromThere() throws {
        let body = { (graph: inout Graph, y: ValueID) throws(GraphError) -> ValueID in
            let gated = try graph.add(GatedActivation(.silu), [y, y])[0]
            graph.markOutput(gated, "gated")
            return gated
        }
        let kept = try Self.backward(body).whole.nodes.filter { $0.operation is MatrixProduct }.count
        let again = try Self.backward(recomputing: [0], body).whole.nodes.filter { $0.operation is MatrixProduct }.count
        #expect(kept == 2 && again == 3)
    }
}
