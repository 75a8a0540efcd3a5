import Basics
import Tensors
import COneDNN
import Glibc
import Graph

/// A plan with every kernel prepared and every address resolved; running it allocates nothing.
package final class CPUExecutable: Executable {
    /// Bytes of working memory of the kernels: a part for each thread and one that all share. It is
    /// not in the plan's arena but the device's, which all programs use one after the other.
    package let workspaceByteCount: Int
    private let device: CPUDevice
    private let plan: Plan
    private let persistent: CPUPersistentMemory
    private let arena: CPUArena
    private let exchange: [AlignedMemory]
    private let memoryMap: MemoryMap
    private let scratchStride: Int
    private let steps: [Step]

    /// A kernel and the plan's calls that it computes: one, a chain of products, or a group of
    /// kernels.
    private struct Step {
        var kernel: Kernel
        var calls: [Int]
    }

    init(_ plan: Plan, persistent: any PersistentMemory, arena: any Arena, device: CPUDevice) throws(CPUError) {
        guard let persistent = persistent as? CPUPersistentMemory, let arena = arena as? CPUArena else {
            throw .badOperand(operation: "executable", reason: "its memory belongs to another device")
        }
        guard arena.blocks.count >= plan.transientBlocks.count, zip(arena.blocks, plan.transientBlocks).allSatisfy({ $0 >= $1 }) else {
            throw .badOperand(
                operation: "executable", reason: "the arena \(arena.blocks) is smaller than the plan needs: \(plan.transientBlocks)")
        }
        var exchange: [AlignedMemory] = []
        for byteCount in plan.exchangeBlocks { exchange.append(try AlignedMemory(byteCount: byteCount)) }
        let map = MemoryMap(
            persistent: persistent.blocks, transient: Self.regions(arena.memory, arena.blocks),
            exchange: Self.regions(exchange, plan.exchangeBlocks))
        var steps: [Step] = []
        let chains = ProductChains.find(in: plan.calls)
        let moved = Set(chains.values.flatMap { $0.dropLast() })
        for (index, call) in plan.calls.enumerated() where !moved.contains(index) {
            let kernel: Kernel
            if let chain = chains[index] {
                var products: [MatrixProductKernel] = []
                for member in chain {
                    let product = try Self.kernel(of: plan.calls[member])
                        .chainedProduct(Self.operands(plan.calls[member], map, device.products))
                    guard let product else {
                        throw .badOperand(operation: plan.calls[member].operation.name, reason: "it cannot be a part of a chain")
                    }
                    products.append(product)
                }
                kernel = ProductChainKernel(products, library: device.products)
            } else {
                kernel = try Self.kernel(of: call).kernel(Self.operands(call, map, device.products))
            }
            steps.append(Step(kernel: kernel, calls: chains[index] ?? [index]))
        }
        steps = Self.grouped(steps, plan.calls)
        let scratchBytes = steps.reduce(64) { max($0, $1.kernel.scratchByteCount) }
        let sharedBytes = steps.reduce(64) { max($0, $1.kernel.sharedByteCount) }
        // Whole pages for each thread, so that none writes beside another.
        scratchStride = (scratchBytes + 4_095) / 4_096 * 4_096
        workspaceByteCount = scratchStride * device.threadCount + sharedBytes
        (self.device, self.plan, self.persistent, self.arena, self.exchange, memoryMap, self.steps) = (
            device, plan, persistent, arena, exchange, map, steps
        )
    }

    private static func regions(_ memory: [AlignedMemory], _ byteCounts: [Int]) -> [UnsafeMutableRawBufferPointer] {
        zip(memory, byteCounts).map { UnsafeMutableRawBufferPointer(start: $0.address, count: $1) }
    }

    /// Neighbours that may run as one become one.
    private static func grouped(_ steps: [Step], _ calls: [KernelCall]) -> [Step] {
        var grouped: [Step] = []
        var members: [Step] = []
        func close() {
            if members.count > 1 {
                grouped.append(Step(kernel: KernelGroup(members.map(\.kernel)), calls: members.flatMap(\.calls)))
            } else {
                grouped += members
            }
            members = []
        }
        for step in steps {
            let isMember = step.calls.count == 1 && KernelGroup.takes(step.kernel)
            if !isMember || !KernelGroup.isApart(calls[step.calls[0]], members.flatMap(\.calls).map { calls[$0] }) { close() }
            if isMember { members.append(step) } else { grouped.append(step) }
        }
        close()
        return grouped
    }

    private static func kernel(of call: KernelCall) throws(CPUError) -> any CPUKernel {
        guard let kernel = call.operation as? any CPUKernel else { throw .unknownOperation(call.operation.name) }
        return kernel
    }

    /// The operands of a call, checked.
    private static func operands(_ call: KernelCall, _ map: MemoryMap, _ products: ProductLibrary) throws(CPUError) -> KernelOperands {
        let name = call.operation.name
        let expected: [TensorType]
        do { expected = try call.operation.outputTypes(for: call.inputs.map(\.type)) } catch {
            throw .badOperand(operation: name, reason: "\(error)")
        }
        // Kernels trust their operands' sizes, so a plan whose operands do not fit ends here.
        guard expected == call.outputs.map(\.type) else {
            throw .badOperand(operation: name, reason: "the outputs are \(call.outputs.map(\.type)), not \(expected)")
        }
        var (inputs, outputs): ([Matrix], [Matrix]) = ([], [])
        for reference in call.inputs { inputs.append(try map.matrix(reference, operation: name)) }
        for reference in call.outputs { outputs.append(try map.matrix(reference, operation: name)) }
        return KernelOperands(inputs: inputs, outputs: outputs, products: products)
    }

    package func write(_ bytes: UnsafeRawBufferPointer, to input: String) throws {
        let matrix = try place(plan.inputs[input], input, byteCount: bytes.count)
        guard let source = bytes.baseAddress else { return }
        let rowBytes = matrix.columns * matrix.elementType.byteCount
        for row in 0..<matrix.rows { memcpy(matrix.address(row), source + row * rowBytes, rowBytes) }
    }

    package func read(_ output: String, into bytes: UnsafeMutableRawBufferPointer) throws {
        let matrix = try place(plan.outputs[output], output, byteCount: bytes.count)
        guard let target = bytes.baseAddress else { return }
        let rowBytes = matrix.columns * matrix.elementType.byteCount
        for row in 0..<matrix.rows { memcpy(target + row * rowBytes, matrix.address(row), rowBytes) }
    }

    package func place(of output: String) -> UnsafeMutableRawBufferPointer? {
        guard let reference = plan.outputs[output], let matrix = try? memoryMap.matrix(reference, operation: output),
            matrix.rowStride == matrix.columns
        else { return nil }
        return UnsafeMutableRawBufferPointer(start: matrix.base, count: reference.type.byteCount)
    }

    private func place(_ reference: TensorReference?, _ name: String, byteCount: Int) throws -> Matrix {
        guard let reference, reference.type.byteCount == byteCount else {
            throw CPUError.badTransfer(name: name, byteCount: byteCount, expected: reference?.type.byteCount)
        }
        return try memoryMap.matrix(reference, operation: name)
    }

    package func run(unless isCancelled: () -> Bool) throws { try run(unless: isCancelled, after: { _ in }) }

    package func run(unless isCancelled: () -> Bool, after: ([Int]) throws -> Void) throws {
        try device.exclusively {
            tala_use_one_openmp_thread()
            for step in steps {
                try run(step, unless: isCancelled)
                try after(step.calls)
                device.beat(MonotonicClock.seconds())
            }
        }
    }

    package func profile() throws -> [Double] {
        try device.exclusively {
            tala_use_one_openmp_thread()
            var seconds = [Double](repeating: 0, count: plan.calls.count)
            for step in steps {
                let start = MonotonicClock.seconds()
                try run(step, unless: { false })
                let passed = MonotonicClock.seconds() - start
                // The products of a chain share its time by their arithmetic.
                let work = step.calls.map { max(1, plan.calls[$0].cost(visiblePairs: nil).floatingPointOperations) }
                let sum = work.reduce(0, +)
                for (call, share) in zip(step.calls, work) { seconds[call] = step.calls.count == 1 ? passed : passed * share / sum }
            }
            return seconds
        }
    }

    private func run(_ step: Step, unless isCancelled: () -> Bool) throws {
        guard let workspace = device.workspace else { return }
        let status = device.pool.run(
            step.kernel, scratch: workspace.address, scratchStride: scratchStride,
            shared: workspace.address + scratchStride * device.threadCount, unless: isCancelled)
        guard let status else { throw Cancelled() }
        if status != 0, let index = step.calls.last {
            throw CPUError.productFailed(status: status, operation: "\(plan.calls[index].operation.name), call \(index)")
        }
    }
}
