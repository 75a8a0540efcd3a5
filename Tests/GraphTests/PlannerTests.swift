import Graph
import Basics
import Tensors
import Testing

@Suite struct PlannerTests {
    /// A graph of random operations, views and concatenations over a few inputs, with some values
    /// read by the host.
    static func randomGraph(seed: UInt64, nodeCount: Int = 40) throws -> Graph {
        var random = SplitMix64(seed: seed)
        var graph = Graph()
        var pool: [ValueID] = []
        for index in 0..<3 { pool.append(graph.input("input\(index)", TensorType(rows: 4 + 4 * (index % 2), columns: 8, .float32))) }
        pool.append(graph.persistent(PersistentTensor(key: "weight", type: TensorType(rows: 8, columns: 8, .float32), kind: .weight)))
        for _ in 0..<nodeCount {
            let a = pool[Int.random(in: 0..<pool.count, using: &random)]
            let same = pool.filter { graph.type(of: $0) == graph.type(of: a) }
            let b = same[Int.random(in: 0..<same.count, using: &random)]
            let type = graph.type(of: a)
            switch Int.random(in: 0..<8, using: &random) {
            case 0: pool += try graph.add(Add(), [a, b])
            case 1: pool += try graph.add(Convert(to: type.elementType), [a])
            case 2 where type.columns % 2 == 0: pool += try graph.add(SplitColumns(widths: [type.columns / 2, type.columns / 2]), [a])
            case 3 where type.rows > 2: pool += try graph.add(SliceRows(start: 1, count: type.rows - 2), [a])
            case 4 where type.columns < 64: pool += try graph.add(ConcatenateColumns(), [a, b])
            case 5 where type.rows < 64: pool += try graph.add(ConcatenateRows(), [a, b])
            case 6: pool += try graph.add(GatedActivationBackward(.silu), [a, b, a == b ? a : same[0]])
            default:
                let product = try graph.add(MatrixProduct(transposesB: true), [a, a])[0]
                pool.append(product)
                pool += try graph.add(MatrixProduct(transposesB: true, hasAddend: true), [b, b, product])
            }
        }
        var isOutput: Set<ValueID> = []
        for index in 0..<6 {
            let node = graph.nodes[Int.random(in: 0..<graph.nodes.count, using: &random)]
            if node.operation is SplitColumns || node.operation is SliceRows { continue }
            let value = node.outputs[0]
            if isOutput.insert(value).inserted { graph.markOutput(value, "output\(index)") }
        }
        return graph
    }

    @Test(arguments: 0..<300)
    func noValueIsOverwrittenBeforeItsLastReader(seed: Int) throws {
        let graph = try Self.randomGraph(seed: UInt64(seed))
        let limits = MemoryLimits(maximumBlockBytes: seed % 3 == 0 ? 1 << 14 : 1 << 20, maximumTensorBytes: 1 << 20, alignment: 64)
        let layout = try PersistentLayout(graph.persistentTensors, limits: limits)
        let plan = try Planner(limits: limits, layout: layout).plan(graph)
        let inputs = plan.inputs.mapValues(\.type)
        #expect(SymbolicMachine.run(plan, layout: layout, inputs: inputs) == SymbolicMachine.run(graph))
    }

    @Test func theSameGraphGivesTheSamePlan() throws {
        let limits = MemoryLimits(maximumBlockBytes: 1 << 20, maximumTensorBytes: 1 << 20)
        let texts = try (0..<2).map { _ in
            let graph = try Self.randomGraph(seed: 5)
            return try Planner(limits: limits, layout: PersistentLayout(graph.persistentTensors, limits: limits)).plan(graph).description
        }
        #expect(texts[0] == texts[1])
    }

    @Test func aChainOfInPlaceOperationsNeedsOnePieceOfMemory() throws {
        var graph = Graph()
        let type = TensorType(rows: 64, columns: 64, .float32)
        let input = graph.input("x", type)
        var value = try graph.add(Convert(to: .float32), [input])[0]
        for _ in 0..<10 { value = try graph.add(Add(), [value, input])[0] }
        graph.markOutput(try graph.add(MatrixProduct(), [value, value])[0], "y")
        let limits = MemoryLimits.unlimited
        let plan = try Planner(limits: limits, layout: PersistentLayout([], limits: limits)).plan(graph)
        #expect(plan.transientBlocks == [type.byteCount])
    }

    @Test func aTensorBeyondTheRangeIsCutByRowsAndSummedInOrder() throws {
        var graph = Graph()
        let x = graph.input("x", TensorType(rows: 8, columns: 128, .float32))
        let weight = graph.persistent(PersistentTensor(key: "w", type: TensorType(rows: 300, columns: 128, .float32), kind: .weight))
        let y = try graph.add(MatrixProduct(transposesB: true), [x, weight])[0]
        graph.markOutput(try graph.add(MatrixProduct(), [y, weight])[0], "z")
        let limits = MemoryLimits(maximumBlockBytes: 1 << 17, maximumTensorBytes: 1 << 16, alignment: 256)
        let plan = try Planner(limits: limits, layout: PersistentLayout(graph.persistentTensors, limits: limits)).plan(graph)
        let forward = plan.calls.filter { $0.node == 0 }
        #expect(forward.map { $0.inputs[1].rows } == [64, 64, 64, 64, 44])
        #expect(forward.map { $0.outputs[0].columns } == [64, 64, 64, 64, 44])
        #expect(forward.allSatisfy { $0.outputs[0].rowStride == 300 })
        let backward = plan.calls.filter { $0.node == 1 }
        #expect(backward.map { ($0.operation as? MatrixProduct)?.hasAddend } == [false, true, true, true, true])
        #expect(backward.dropFirst().allSatisfy { $0.inputs[2] == $0.outputs[0] })
        for call in plan.calls { for operand in call.inputs + call.outputs { #expect(operand.byteSpan <= limits.maximumTensorBytes) } }
    }

    /// Queries, keys and values side by side in one matrix that is larger than a buffer, each of
    /// them not: attention and its gradient read and write copies.
    @Test func attentionInAFusedProjectionThatIsCutComputesOnCopies() throws {
        let shape = AttentionShape(headCount: 2, keyValueHeadCount: 2, headWidth: 32, scale: 1)
        var graph = Graph()
        let x = graph.input("x", TensorType(rows: 96, columns: 64, .float32))
        let weight = graph.persistent(PersistentTensor(key: "w", type: TensorType(rows: 192, columns: 64, .float32), kind: .weight))
        let ranges = graph.input("ranges", TensorType(rows: 96, columns: 2, .int32))
        let fused = try graph.add(MatrixProduct(transposesB: true), [x, weight])[0]
        let parts = try graph.add(SplitColumns(widths: [64, 64, 64]), [fused])
        let attention = try graph.add(Attention(shape), parts + [ranges])
        let delta = try graph.add(AttentionDelta(headCount: 2), [attention[0], attention[0]])[0]
        let gradients = try graph.add(AttentionBackward(shape), parts + [attention[0], attention[1], delta, ranges, ranges])
        let gathered = try graph.add(ConcatenateColumns(), gradients)[0]
        graph.markOutput(try graph.add(MatrixProduct(), [gathered, weight])[0], "dx")
        let limits = MemoryLimits(maximumBlockBytes: 1 << 18, maximumTensorBytes: 32 << 10, alignment: 256)
        let layout = try PersistentLayout(graph.persistentTensors, limits: limits)
        let plan = try Planner(limits: limits, layout: layout).plan(graph)
        // Queries are cut as they lie.
        #expect(plan.calls.filter { $0.operation is Attention }.map { $0.inputs[0].rows }.reduce(0, +) == 96)
        // Keys and values for attention, all three for its gradient, and the three gradients.
        #expect(Set(plan.calls.filter { $0.operation is Convert }.map(\.node)).count == 8)
        for call in plan.calls where call.operation is Attention || call.operation is AttentionBackward {
            for operand in call.inputs + call.outputs { #expect(operand.byteSpan <= limits.maximumTensorBytes) }
        }
    }

    @Test func aTensorThatKernelsReadInPartsIsLimitedByTheBlockAlone() throws {
        let limits = MemoryLimits(maximumBlockBytes: 1 << 18, maximumTensorBytes: 32 << 10, alignment: 256)
        let words = TensorType(rows: 1, columns: 20_000, .int32)
        let layout = try PersistentLayout(
            [PersistentTensor(key: "w", type: words, kind: .weight, isReadInParts: true)], limits: limits)
        #expect(layout.placements["w"]?.pieces.count == 1)
        for tensor in [
            PersistentTensor(key: "w", type: words, kind: .weight),
            PersistentTensor(key: "w", type: TensorType(rows: 1, columns: 70_000, .int32), kind: .weight, isReadInParts: true),
        ] { #expect(throws: GraphError.self) { try PersistentLayout([tensor], limits: limits) } }
    }

    @Test func whatCannotBeCutIsRefusedByName() throws {
        var graph = Graph()
        let x = graph.input("x", TensorType(rows: 64, columns: 1 << 12, .float32))
        let shape = AttentionShape(headCount: 1, keyValueHeadCount: 1, headWidth: 1 << 12, scale: 1)
        let big = try graph.add(Convert(to: .float32), [x])[0]
        let ranges = graph.input("ranges", TensorType(rows: 64, columns: 2, .int32))
        graph.markOutput(try graph.add(Attention(shape), [big, big, big, ranges])[0], "o")
        let limits = MemoryLimits(maximumBlockBytes: 1 << 21, maximumTensorBytes: 1 << 19)
        #expect(throws: GraphError.self) { try Planner(limits: limits, layout: PersistentLayout([], limits: limits)).plan(graph) }
    }
}
