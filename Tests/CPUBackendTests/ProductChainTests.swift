import COneDNN
import Tensors
import Testing

@testable import CPUBackend
@testable import Graph

@Suite struct ProductChainTests {
    /// Operands one behind the other in exchange memory, filled with drawn numbers.
    private struct Sheet {
        var calls: [KernelCall] = []
        var byteCount = 0

        mutating func place(_ rows: Int, _ columns: Int, _ type: ElementType) -> TensorReference {
            defer { byteCount += (rows * columns * type.byteCount + 63) / 64 * 64 }
            return TensorReference(
                space: .exchange, block: 0, byteOffset: byteCount, rows: rows, columns: columns, rowStride: columns, elementType: type)
        }

        mutating func add(_ operation: any Operation, _ inputs: [TensorReference], into output: TensorReference) {
            calls.append(KernelCall(operation: operation, inputs: inputs, outputs: [output], node: calls.count))
        }

        func plan(_ calls: [KernelCall]) -> Plan {
            let all = TensorReference(
                space: .exchange, block: 0, byteOffset: 0, rows: 1, columns: byteCount, rowStride: byteCount, elementType: .uint8)
            return Plan(
                calls: calls, transientBlocks: [], exchangeBlocks: [byteCount], inputs: ["all": all], outputs: ["all": all], cost: .zero)
        }

        /// Numbers of up to one half that both types hold exactly.
        var content: [UInt8] {
            var state: UInt64 = 11
            return (0..<byteCount / 2).flatMap { place -> [UInt8] in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                // The upper half of a float32 or a bfloat16 by itself.
                let bits = UInt16(truncatingIfNeeded: 0x3E00 + (state >> 40) % 0x100 + (state >> 63 == 0 ? 0 : 0x8000))
                return [UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8)]
            }
        }
    }

    private func run(_ plans: [Plan], _ content: [UInt8], _ device: CPUDevice) throws -> [UInt8] {
        var content = content
        let memory = try device.makePersistentMemory(PersistentLayout([], limits: device.limits), mapped: [:])
        for plan in plans {
            let program = try device.makeExecutable(plan, persistent: memory, arena: try device.makeArena(blocks: []))
            try program.write(content, to: "all")
            try program.run()
            content = try program.read("all", count: content.count, as: UInt8.self, zero: 0)
        }
        return content
    }

    /// A linear layer with its adapter: the base product, the adapter's first and, adding to the
    /// base's result, its second.
    private func layer(_ type: ElementType, output: ElementType) -> Sheet {
        var sheet = Sheet()
        let (x, w) = (sheet.place(300, 96, type), sheet.place(200, 96, type))
        let (a, b) = (sheet.place(16, 96, type), sheet.place(200, 16, type))
        let (residual, y, u) = (sheet.place(300, 200, output), sheet.place(300, 200, output), sheet.place(300, 16, type))
        sheet.add(MatrixProduct(transposesB: true, hasAddend: true, outputType: output), [x, w, residual], into: y)
        sheet.add(MatrixProduct(transposesB: true, outputType: type), [x, a], into: u)
        sheet.add(MatrixProduct(transposesB: true, scale: 2, hasAddend: true, outputType: output), [u, b, y], into: y)
        return sheet
    }

    @Test(arguments: [(ElementType.float32, ElementType.float32), (.bfloat16, .float32), (.bfloat16, .bfloat16)])
    func aChainLeavesTheNumbersThatItsProductsLeaveOneByOne(type: ElementType, output: ElementType) throws {
        let sheet = layer(type, output: output)
        #expect(ProductChains.find(in: sheet.calls) == [2: [0, 2]])
        let content = sheet.content
        var first: [UInt8]?
        for threadCount in [1, 2, 3] {
            let device = try CPUDevice(threadCount: threadCount)
            let chained = try run([sheet.plan(sheet.calls)], content, device)
            let single = try run(sheet.calls.map { sheet.plan([$0]) }, content, device)
            let y = sheet.calls[2].outputs[0]
            for place in 0..<y.rows * y.columns {
                let found = number(chained, y, place)
                let wanted = number(single, y, place)
                #expect(abs(found - wanted) <= abs(wanted) * (output == .float32 ? 1e-5 : 0x1p-7) + 1e-5)
            }
            if let first { #expect(chained == first, "\(threadCount) threads") } else { first = chained }
        }
    }

    private func number(_ bytes: [UInt8], _ reference: TensorReference, _ place: Int) -> Float {
        let size = reference.elementType.byteCount
        let start = reference.byteOffset + place * size
        let bits = (0..<size).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) }
        return Float(bitPattern: size == 2 ? bits << 16 : bits)
    }

    @Test func aProductDoesNotMovePastACallThatReadsItsResultOrWritesItsOperands() {
        // What reads the result between the two products must see the first one's.
        var reader = layer(.float32, output: .float32)
        let (y, copy) = (reader.calls[0].outputs[0], reader.place(300, 200, .float32))
        reader.calls.insert(KernelCall(operation: Convert(to: .float32), inputs: [y], outputs: [copy], node: 9), at: 1)
        #expect(ProductChains.find(in: reader.calls).isEmpty)
        // What writes where the first product reads must come after it.
        var writer = layer(.float32, output: .float32)
        let (x, other) = (writer.calls[0].inputs[0], writer.place(300, 96, .float32))
        writer.calls.insert(KernelCall(operation: Convert(to: .float32), inputs: [other], outputs: [x], node: 9), at: 2)
        #expect(ProductChains.find(in: writer.calls).isEmpty)
        // A result that only partly is the addend's memory is not a chain.
        var part = layer(.float32, output: .float32)
        part.calls[0].outputs[0] = part.calls[0].outputs[0].rows(0..<150)
        #expect(ProductChains.find(in: part.calls).isEmpty)
    }

    @Test func aRunTakesNothingFromTheHeap() throws {
        let sheet = layer(.bfloat16, output: .bfloat16)
        let device = try CPUDevice(threadCount: 2)
        let memory = try device.makePersistentMemory(PersistentLayout([], limits: device.limits), mapped: [:])
        let program = try device.makeExecutable(sheet.plan(sheet.calls), persistent: memory, arena: try device.makeArena(blocks: []))
        try program.write(sheet.content, to: "all")
        for _ in 0..<3 { try program.run() }
        var least = Int.max
        // Other tests run beside this one and allocate: of many looks one must find the heap
        // unchanged.
        for _ in 0..<200 {
            let before = tala_heap_bytes()
            for _ in 0..<5 { try program.run() }
            let after = tala_heap_bytes()
            least = min(least, abs(Int(after) - Int(before)))
        }
        #expect(least == 0)
    }
}
