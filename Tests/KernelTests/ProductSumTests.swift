import Graph
import Tensors
import Testing

@testable import VulkanBackend

/// Products that are added up in one dispatch.
@Suite(.serialized) struct ProductSumTests {
    /// A chain as plans have them: `c = s₁·op(a₁)·op(b₁) (+ addend)`, then each further product
    /// added to it.
    struct Chain: Sendable, CustomStringConvertible {
        var transposesA = false
        var transposesB = true
        var inner: [Int]
        var scales: [Float]
        var hasAddend = false
        var type = ElementType.float32

        var description: String { "\(transposesA ? "aT" : "a") \(transposesB ? "bT" : "b") \(inner) \(scales) \(hasAddend) \(type)" }
    }

    static let chains: [Chain] = [
        Chain(inner: [40, 8], scales: [1, 2]),
        Chain(inner: [40, 8], scales: [1, 0.3], hasAddend: true),
        Chain(transposesB: false, inner: [33, 5, 70], scales: [1, 1.5, 3], hasAddend: true),
        Chain(transposesA: true, transposesB: false, inner: [7, 65], scales: [2, 1]),
        Chain(inner: [40, 16, 41, 16], scales: [1, 2, 1, 2], hasAddend: true),
        Chain(inner: [64, 8], scales: [1, 2], type: .bfloat16),
    ]

    static let (rows, columns) = (37, 43)

    /// The chain in a graph, its products alone; and what it must give.
    static func graph(_ chain: Chain, _ random: inout CaseRandom) throws -> (graph: Graph, inputs: [(String, Operand)], expected: Expected)
    {
        var graph = Graph()
        var inputs: [(String, Operand)] = []
        func input(_ operand: Operand) -> ValueID {
            inputs.append(("operand\(inputs.count)", operand))
            return graph.input("operand\(inputs.count - 1)", operand.type)
        }
        var expected = Expected(rows: rows, columns: columns) { _, _ in 0 }
        var sum: ValueID?
        for (index, (inner, scale)) in zip(chain.inner, chain.scales).enumerated() {
            let adds = index > 0 || chain.hasAddend
            let product = MatrixProduct(transposesA: chain.transposesA, transposesB: chain.transposesB, scale: scale, hasAddend: adds)
            var operands = MatrixProductReference.inputs(&random, product, (rows, columns, inner), chain.type, chain.type)
            if index > 0 { operands.removeLast() }
            let found = MatrixProductReference.outputs(
                MatrixProduct(
                    transposesA: chain.transposesA, transposesB: chain.transposesB, scale: scale, hasAddend: index == 0 && chain.hasAddend),
                operands.map(\.matrix), [TensorType(rows: rows, columns: columns, .float32)])[0]
            for row in 0..<rows {
                for column in 0..<columns { expected[row, column] = (expected[row, column] ?? 0) + (found[row, column] ?? 0) }
            }
            sum = try graph.add(product, operands.map(input) + (sum.map { [$0] } ?? []))[0]
        }
        if let sum { graph.markOutput(sum, "c") }
        return (graph, inputs, expected)
    }

    @Test(.enabled(if: ProductVariantTests.hasVulkan, "there is no Vulkan device"), arguments: chains)
    func aChainOfProductsGivesTheirSumInEveryVariant(_ chain: Chain) throws {
        let device = try VulkanDevice(validates: true)
        guard device.activationTypes.contains(chain.type) else {
            return print("skipped: a chain of products in \(chain.type), which Vulkan lacks here")
        }
        var random = CaseRandom(seed: KernelCatalogue.seed)
        let (graph, inputs, expected) = try Self.graph(chain, &random)
        let layout = try PersistentLayout([], limits: device.limits)
        let plan = try Planner(limits: device.limits, layout: layout).plan(graph)
        let calls = ProductChains.find(in: plan.calls).values.first ?? []
        #expect(calls.count == chain.inner.count)
        let sums = MatrixProductSum.sums(of: calls.map { plan.calls[$0] })
        #expect(sums.count == (chain.inner.count + 2) / 3)
        var first: [Float]?
        // Without and with shared memory, and with more than one place of the inner size at a time.
        for variant in [2, 4].map({ ProductVariantTests.variants[$0] }) where variant.fits(device.profile) {
            for call in plan.calls {
                guard let product = call.operation as? MatrixProduct else { continue }
                device.adopt(tuning: [ProductKey(product, call.inputs, call.outputs).description: variant.description])
            }
            let memory = try device.makePersistentMemory(layout, mapped: [:])
            let executable = try device.makeExecutable(plan, persistent: memory, arena: device.makeArena(blocks: plan.transientBlocks))
            for (name, operand) in inputs {
                switch operand.type.elementType {
                case .float32: try executable.write(operand.values.map { Float($0) }, to: name)
                default:
                    try executable.write(operand.values.map { UInt16(truncatingIfNeeded: operand.type.elementType.bits($0)) }, to: name)
                }
            }
            try executable.run()
            let found = try executable.readFloats("c", count: Self.rows * Self.columns)
            for row in 0..<Self.rows {
                for column in 0..<Self.columns {
                    let (number, wanted) = (Double(found[row * Self.columns + column]), expected[row, column] ?? 0)
                    #expect(
                        abs(number - wanted.value) <= 2 * wanted.error + 1e-6,
                        "\(variant): [\(row), \(column)] is \(number), not \(wanted.value)")
                }
            }
            #expect(found == first ?? found, "\(variant) gives other bytes")
            first = first ?? found
        }
        #expect(device.validationMessages == [])
    }

    @Test func wideProductsStayApart() throws {
        let reference = { (rows: Int, columns: Int) in
            TensorReference(
                space: .transient, block: 0, byteOffset: 0, rows: rows, columns: columns, rowStride: columns, elementType: .float32)
        }
        let call = { (inner: Int, operation: MatrixProduct) in
            KernelCall(
                operation: operation, inputs: [reference(8, inner), reference(inner, 8), reference(8, 8)], outputs: [reference(8, 8)],
                node: 0)
        }
        let plain = MatrixProduct(hasAddend: true)
        #expect(MatrixProductSum.sums(of: [call(500, plain), call(500, plain)]).count == 2)
        #expect(MatrixProductSum.sums(of: [call(500, plain), call(16, plain)]).count == 1)
        #expect(MatrixProductSum.sums(of: [call(500, plain), call(16, plain), call(500, plain), call(16, plain)]).count == 2)
        var other = plain
        other.transposesB = true
        #expect(MatrixProductSum.sums(of: [call(500, plain), call(16, other)]).count == 2)
    }
}
