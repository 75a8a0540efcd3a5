import Basics
package import Graph
package import Tensors

/// What a device attains at most, measured on the device itself by plans of one kernel: what floors
/// and shares are computed from.
package struct DevicePeaks: Sendable, Hashable {
    /// Floating-point operations a second of a large matrix product, by the element type of its
    /// operands.
    package var operationsPerSecond: [ElementType: Double]
    /// Bytes read and written a second by a kernel that adds two matrices too large for caches.
    package var bytesPerSecond: Double

    package init(operationsPerSecond: [ElementType: Double], bytesPerSecond: Double) {
        self.operationsPerSecond = operationsPerSecond
        self.bytesPerSecond = bytesPerSecond
    }

    /// The peak of products of this element type; float32's where it was not measured.
    package func operationsPerSecond(_ type: ElementType) -> Double { operationsPerSecond[type] ?? operationsPerSecond[.float32] ?? 0 }

    /// The least seconds that work of this cost can take: its arithmetic at the product's peak or
    /// its memory traffic at the peak of copying, whichever is longer. Work whose operands lie in a
    /// cache can be faster than the floor.
    package func floor(_ cost: Cost, _ type: ElementType) -> Double {
        let arithmetic = operationsPerSecond(type) > 0 ? cost.floatingPointOperations / operationsPerSecond(type) : 0
        let traffic = bytesPerSecond > 0 ? (cost.bytesRead + cost.bytesWritten) / bytesPerSecond : 0
        return max(arithmetic, traffic)
    }

    /// Measures a device: the fastest of several runs of each kernel, within about
    /// `secondsPerKernel`, at least three runs.
    /// - Parameter productSide: rows and columns of the matrices of the product.
    /// - Parameter byteLimit: bytes that the measurement may hold at one time; few of them measure
    ///   a cache.
    /// - Throws: what the device throws.
    package static func measured(
        on device: any ComputeDevice, types: [ElementType], secondsPerKernel: Double = 0.3, productSide side: Int = 1_024,
        byteLimit: Int = 384 << 20
    ) throws -> DevicePeaks {
        var peaks = DevicePeaks(operationsPerSecond: [:], bytesPerSecond: 0)
        for type in types where device.activationTypes.contains(type) {
            let matrix = TensorType(rows: side, columns: side, type)
            let result = TensorType(rows: side, columns: side, .float32)
            let seconds = try fastest(on: device, MatrixProduct(transposesB: true), [matrix, matrix], result, secondsPerKernel)
            peaks.operationsPerSecond[type] = 2 * Double(side * side * side) / seconds
        }
        let bytes = min(128 << 20, max(1 << 20, byteLimit / 3), device.limits.maximumTensorBytes)
        let type = TensorType(rows: max(1, bytes / 4_096), columns: 1_024, .float32)
        peaks.bytesPerSecond = 3 * Double(type.byteCount) / (try fastest(on: device, Add(), [type, type], type, secondsPerKernel))
        return peaks
    }

    /// The seconds of the fastest run of one operation, its operands in persistent memory.
    private static func fastest(
        on device: any ComputeDevice, _ operation: any Operation, _ inputs: [TensorType], _ output: TensorType, _ limit: Double
    ) throws -> Double {
        var graph = Graph()
        let tensors = (inputs + [output]).enumerated().map { PersistentTensor(key: "operand\($0)", type: $1, kind: .constant) }
        let result = try graph.add(operation, tensors.dropLast().map { graph.persistent($0) })[0]
        graph.store(result, into: "operand\(inputs.count)")
        _ = graph.persistent(tensors[inputs.count])
        let layout = try PersistentLayout(tensors, limits: device.limits)
        let memory = try device.makePersistentMemory(layout, mapped: [:])
        let plan = try Planner(limits: device.limits, layout: layout).plan(graph)
        let arena = try device.makeArena(blocks: plan.transientBlocks)
        let executable = try device.makeExecutable(plan, persistent: memory, arena: arena)
        var best = Double.infinity
        var (spent, runs) = (0.0, 0)
        while runs < 4 || (spent < limit && runs < 200) {
            let start = MonotonicClock.seconds()
            try executable.run()
            let seconds = MonotonicClock.seconds() - start
            // The first run touches memory for the first time.
            if runs > 0 { best = min(best, seconds) }
            (spent, runs) = (spent + seconds, runs + 1)
        }
        return max(best, 1e-9)
    }
}
