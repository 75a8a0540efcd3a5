import Tensors
import Testing

@testable import CPUBackend
@testable import Graph

@Suite struct CPUDeviceTests {
    /// A plan made by hand: operands one behind the other in exchange memory, with gaps, filled
    /// with drawn numbers.
    private struct Sheet {
        var calls: [KernelCall] = []
        var inputs: [String: TensorReference] = [:]
        var byteCount = 0

        mutating func place(_ rows: Int, _ columns: Int, _ type: ElementType) -> TensorReference {
            let stride = columns + 3
            defer { byteCount += ((rows * stride + 1) * type.byteCount + 63) / 64 * 64 }
            return TensorReference(
                space: .exchange, block: 0, byteOffset: byteCount, rows: rows, columns: columns, rowStride: stride, elementType: type)
        }

        mutating func add(_ operation: any Operation, _ inputs: [TensorReference]) throws -> [TensorReference] {
            let outputs = try operation.outputTypes(for: inputs.map(\.type)).map { place($0.rows, $0.columns, $0.elementType) }
            calls.append(KernelCall(operation: operation, inputs: inputs, outputs: outputs, node: calls.count))
            return outputs
        }

        var plan: Plan {
            let all = TensorReference(
                space: .exchange, block: 0, byteOffset: 0, rows: 1, columns: byteCount, rowStride: byteCount, elementType: .uint8)
            return Plan(
                calls: calls, transientBlocks: [], exchangeBlocks: [byteCount], inputs: inputs.merging(["all": all]) { $1 },
                outputs: ["all": all],
                cost: .zero)
        }
    }

    private func executable(_ plan: Plan, _ device: CPUDevice) throws -> any Executable {
        let memory = try device.makePersistentMemory(PersistentLayout([], limits: device.limits), mapped: [:])
        return try device.makeExecutable(plan, persistent: memory, arena: try device.makeArena(blocks: plan.transientBlocks))
    }

    /// Every kernel that sums, on several blocks.
    private func sums(_ type: ElementType) throws -> (sheet: Sheet, content: [UInt8]) {
        var sheet = Sheet()
        let tokens = 300
        let shape = AttentionShape(headCount: 4, keyValueHeadCount: 2, headWidth: 32, scale: 0.2)
        let x = sheet.place(tokens, 128, type)
        let w = sheet.place(192, 128, type)
        let weight = sheet.place(1, 128, .float32)
        let (k, v) = (sheet.place(tokens, 64, type), sheet.place(tokens, 64, type))
        let accumulator = sheet.place(1, 128, .float32)
        let table = sheet.place(50, 128, .float32)
        let rowNumbers = sheet.place(tokens, 1, .int32)
        let (keyRanges, queryRanges) = (sheet.place(tokens, 2, .int32), sheet.place(tokens, 2, .int32))
        let lossScale = sheet.place(1, 1, .float32)
        let written = sheet.byteCount
        let product = try sheet.add(MatrixProduct(transposesB: true, scale: 0.5, outputType: type), [x, w])[0]
        _ = try sheet.add(MatrixProduct(transposesA: true, outputType: .float32), [product, x])
        let norm = try sheet.add(RMSNorm(epsilon: 1e-5, outputType: type), [x, weight])
        _ = try sheet.add(RMSNormWeightGradient(), [x, norm[0], norm[1], accumulator])
        _ = try sheet.add(ColumnSum(), [x, accumulator])
        _ = try sheet.add(EmbeddingBackward(), [x, rowNumbers, table])
        let attention = try sheet.add(Attention(shape), [x, k, v, keyRanges])
        let delta = try sheet.add(AttentionDelta(headCount: 4), [x, attention[0]])[0]
        _ = try sheet.add(AttentionBackward(shape), [x, k, v, x, attention[1], delta, keyRanges, queryRanges])
        _ = try sheet.add(CrossEntropy(gradientType: type), [product, rowNumbers, lossScale])
        let float = try sheet.add(Convert(to: .float32), [x])[0]
        _ = try sheet.add(SumOfSquares(hasAddend: false), [float])
        var content = [UInt8](repeating: 0, count: sheet.byteCount)
        var state: UInt64 = 7
        func draw() -> Double {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 33) / Double(1 << 31) * 2 - 1
        }
        content.withUnsafeMutableBytes { bytes in
            for offset in stride(from: 0, to: written / 4 * 4, by: 4) {
                let number = Float(draw())
                if type == .bfloat16 && offset < weight.byteOffset
                    || type == .bfloat16 && offset >= k.byteOffset && offset < accumulator.byteOffset
                {
                    let half = UInt32(number.bitPattern >> 16)
                    bytes.storeBytes(of: half | half << 16, toByteOffset: offset, as: UInt32.self)
                } else {
                    bytes.storeBytes(of: number.bitPattern, toByteOffset: offset, as: UInt32.self)
                }
            }
            func write(_ reference: TensorReference, _ row: Int, _ column: Int, _ number: Int) {
                bytes.storeBytes(
                    of: Int32(number), toByteOffset: reference.byteOffset + (row * reference.rowStride + column) * 4, as: Int32.self)
            }
            for row in 0..<tokens {
                write(rowNumbers, row, 0, row * 7 % 50)
                // Two packed examples, causal.
                let (start, end) = row < 130 ? (0, 130) : (130, tokens)
                write(keyRanges, row, 0, start)
                write(keyRanges, row, 1, row + 1)
                write(queryRanges, row, 0, row)
                write(queryRanges, row, 1, end)
            }
        }
        return (sheet, content)
    }

    @Test(arguments: [ElementType.float32, .bfloat16]) func theBytesDoNotDependOnTheNumberOfThreads(type: ElementType) throws {
        let (sheet, content) = try sums(type)
        var first: [UInt8]?
        for threadCount in [1, 2, 3] {
            let device = try CPUDevice(threadCount: threadCount)
            let program = try executable(sheet.plan, device)
            for _ in 0..<10 {
                try program.write(content, to: "all")
                try program.run()
                let result = try program.read("all", count: content.count, as: UInt8.self, zero: 0)
                if let first { #expect(result == first, "\(threadCount) threads") } else { first = result }
            }
            #expect(try program.profile().count == sheet.calls.count)
        }
    }

    @Test func aMappedWeightIsReadWhereItLiesAndFromAnyByte() throws {
        let device = try CPUDevice(threadCount: 2)
        var sheet = Sheet()
        let x = sheet.place(3, 5, .float32)
        sheet.inputs["x"] = x
        let weight = PersistentTensor(key: "w", type: TensorType(rows: 4, columns: 5, .float32), kind: .weight)
        let layout = try PersistentLayout([weight], limits: device.limits, mappedWeights: ["w"])
        let place = try #require(layout.placements["w"]?.pieces.first)
        let y = try sheet.add(MatrixProduct(transposesB: true), [x, place])[0]
        var plan = sheet.plan
        plan.outputs["y"] = y
        let numbers = (0..<20).map { Float($0) }
        for shift in [0, 1, 2, 3, 4] {
            let file = UnsafeMutableRawBufferPointer.allocate(byteCount: 128, alignment: 64)
            defer { file.deallocate() }
            numbers.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: file[shift..<shift + 80]).copyBytes(from: $0) }
            let mapped = UnsafeRawBufferPointer(rebasing: file[shift..<shift + 80])
            let memory = try device.makePersistentMemory(layout, mapped: [0: mapped])
            let program = try device.makeExecutable(plan, persistent: memory, arena: try device.makeArena(blocks: []))
            try program.write((0..<15).map { Float($0 % 5 == 0 ? 1 : 0) }, to: "x")
            try program.run()
            #expect(try program.readFloats("y", count: 12) == [0, 5, 10, 15, 0, 5, 10, 15, 0, 5, 10, 15])
            #expect(throws: CPUError.self) { try numbers.withUnsafeBytes { try memory.write($0, to: Placement([place])) } }
        }
        #expect(throws: CPUError.self) { try device.makePersistentMemory(layout, mapped: [:]) }
    }

    @Test func freshPersistentMemoryIsZero() throws {
        let device = try CPUDevice(threadCount: 1)
        let tensor = PersistentTensor(key: "p", type: TensorType(rows: 300, columns: 1_000, .float32), kind: .parameter)
        let layout = try PersistentLayout([tensor], limits: device.limits)
        let memory = try device.makePersistentMemory(layout, mapped: [:])
        var bytes = [UInt8](repeating: 1, count: tensor.type.byteCount)
        let placement = try #require(layout.placements["p"])
        try bytes.withUnsafeMutableBytes { try memory.read(placement, into: $0) }
        #expect(bytes.allSatisfy { $0 == 0 })
    }

    @Test func plansThatLeaveTheirMemoryAreRefused() throws {
        let device = try CPUDevice(threadCount: 1)
        var sheet = Sheet()
        let x = sheet.place(4, 4, .float32)
        _ = try sheet.add(Add(), [x, x])
        for damage in 0..<5 {
            var plan = sheet.plan
            switch damage {
            case 0: plan.calls[0].outputs[0].byteOffset = plan.exchangeBlocks[0]
            case 1: plan.calls[0].outputs[0].rows = 1 << 40
            case 2: plan.calls[0].inputs[1].block = 3
            case 3: plan.calls[0].outputs[0].rowStride = .max / 2
            default: plan.calls[0].inputs.removeLast()
            }
            #expect(throws: CPUError.self) { try executable(plan, device) }
        }
        var plan = sheet.plan
        plan.transientBlocks = [1_000]
        let memory = try device.makePersistentMemory(PersistentLayout([], limits: device.limits), mapped: [:])
        #expect(throws: CPUError.self) { try device.makeExecutable(plan, persistent: memory, arena: try device.makeArena(blocks: [999])) }
        let program = try executable(sheet.plan, device)
        #expect(throws: CPUError.self) { try program.write([Float(1)], to: "all") }
        #expect(throws: CPUError.self) { try program.write([Float(1)], to: "nothing") }
    }

    @Test func aDeviceWithoutOneDNNComputesTheSame() throws {
        let (sheet, content) = try sums(.float32)
        var results: [[UInt8]] = []
        for usesOneDNN in [true, false] {
            let device = try CPUDevice(threadCount: 2, usesOneDNN: usesOneDNN)
            let program = try executable(sheet.plan, device)
            try program.write(content, to: "all")
            try program.run()
            results.append(try program.read("all", count: content.count, as: UInt8.self, zero: 0))
            // bfloat16 products need the processor alone.
            #expect(device.hasFastBfloat16 == BFloat16Product.isPossible && (usesOneDNN || !device.usesOneDNN))
        }
        let product = sheet.calls[0].outputs[0]
        for row in 0..<product.rows {
            for column in 0..<product.columns {
                let offset = product.byteOffset + (row * product.rowStride + column) * 4
                let numbers = results.map { bytes in bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Float.self) } }
                #expect(abs(numbers[0] - numbers[1]) < 1e-4)
            }
        }
    }

    @Test func aDeviceTellsBetweenKernelsThatItMoves() throws {
        let device = try CPUDevice(threadCount: 2)
        nonisolated(unsafe) var beats = 0
        device.heartbeat = { beats += 1 }
        let executable = try executable(sums(.float32).sheet.plan, device)
        try executable.run()
        // Several kernels within a second are one sign of life.
        #expect(beats == 1)
        device.beat(.greatestFiniteMagnitude)
        #expect(beats == 2)
    }
}
