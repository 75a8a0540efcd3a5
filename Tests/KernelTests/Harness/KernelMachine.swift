import Graph
import Tensors

/// Runs kernel calls on a device: a plan by hand, its memory poisoned, everything that is not an
/// output checked byte by byte.
///
/// All operands of all calls lie in two images, one in the exchange memory and one in the
/// persistent memory. Both are NaN bits wherever no input is, also between the rows of slices, so
/// what a kernel reads beside its operands spoils its result and what it writes beside them is
/// seen.
struct KernelMachine {
    /// How a call's operands lie in memory.
    enum Arrangement: String, CaseIterable {
        /// Rows without gaps, from an aligned place.
        case plain
        /// Slices of wider matrices, from any element.
        case sliced
        /// Results in the memory of the inputs that the operation allows.
        case inPlace
        case slicedInPlace
        /// Copied into the arena, computed there, copied back.
        case transient
    }

    struct Call {
        var sample: KernelSample
        var arrangement: Arrangement
        var inputs: [TensorReference] = []
        var outputs: [TensorReference] = []
    }

    private(set) var calls: [Call] = []
    private var exchange = Image()
    private var persistent = Image()
    private var transientByteCount = 0
    private var planned: [KernelCall] = []
    private var random: CaseRandom

    /// The bytes of a memory space before the run.
    struct Image {
        var bytes: [UInt8] = []

        /// Room for an operand, poisoned.
        mutating func reserve(_ byteCount: Int, at offset: Int) {
            let end = (offset + byteCount + 255) / 256 * 256 + 64
            if bytes.count < end { bytes += Array(repeating: 0xFF, count: (end + 255) / 256 * 256 - bytes.count) }
        }

        mutating func fill(_ reference: TensorReference, _ values: [Double]) {
            let size = reference.elementType.byteCount
            for row in 0..<reference.rows {
                for column in 0..<reference.columns {
                    let offset = reference.byteOffset + (row * reference.rowStride + column) * size
                    let bits = reference.elementType.bits(values[row * reference.columns + column])
                    for byte in 0..<size { bytes[offset + byte] = UInt8(truncatingIfNeeded: bits >> (8 * byte)) }
                }
            }
        }

        func bits(_ reference: TensorReference, _ row: Int, _ column: Int) -> UInt32 {
            let size = reference.elementType.byteCount
            let offset = reference.byteOffset + (row * reference.rowStride + column) * size
            return (0..<size).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * $1) }
        }
    }

    /// What a run has left.
    struct Result: Equatable {
        var exchange: [UInt8]
        var persistent: [UInt8]
    }

    init(seed: UInt64) { random = CaseRandom(seed: seed) }

    /// Adds a call of the sample's operation; calls share no memory.
    mutating func add(_ sample: KernelSample, _ arrangement: Arrangement) {
        var call = Call(sample: sample, arrangement: arrangement)
        let isInPlace = arrangement == .inPlace || arrangement == .slicedInPlace
        let isSliced = arrangement == .sliced || arrangement == .slicedInPlace
        for input in sample.inputs { call.inputs.append(place(input.type, input.values, isSliced)) }
        for (index, type) in sample.outputs.enumerated() {
            if isInPlace, let input = sample.operation.inPlaceInputs[index], sample.inputs[input].type == type {
                call.outputs.append(call.inputs[input])
            } else {
                call.outputs.append(place(type, nil, isSliced))
            }
        }
        var operation = KernelCall(operation: sample.operation, inputs: call.inputs, outputs: call.outputs, node: planned.count)
        if arrangement == .transient {
            for (index, input) in call.inputs.enumerated() where input.elementType.isFloatingPoint {
                operation.inputs[index] = transient(input.type)
                planned.append(
                    KernelCall(
                        operation: Convert(to: input.elementType), inputs: [input], outputs: [operation.inputs[index]], node: planned.count)
                )
            }
            for (index, output) in call.outputs.enumerated() where output.elementType.isFloatingPoint {
                operation.outputs[index] = transient(output.type)
            }
        }
        planned.append(operation)
        if arrangement == .transient {
            for (computed, output) in zip(operation.outputs, call.outputs) where computed != output {
                planned.append(
                    KernelCall(operation: Convert(to: output.elementType), inputs: [computed], outputs: [output], node: planned.count))
            }
        }
        calls.append(call)
    }

    private mutating func place(_ type: TensorType, _ values: [Double]?, _ isSliced: Bool) -> TensorReference {
        let left = isSliced ? Int(random.next() % 9) : 0
        let right = isSliced ? Int(random.next() % 9) : 0
        let shift = isSliced ? Int(random.next() % 67) : 0
        var reference = TensorReference(
            space: random.next() % 2 == 0 ? .exchange : .persistent, block: 0, byteOffset: 0, rows: type.rows, columns: type.columns,
            rowStride: left + type.columns + right, elementType: type.elementType)
        var image = reference.space == .exchange ? exchange : persistent
        reference.byteOffset = image.bytes.count + (shift + left) * type.elementType.byteCount
        image.reserve((shift + left + type.rows * reference.rowStride) * type.elementType.byteCount, at: image.bytes.count)
        if let values { image.fill(reference, values) }
        if reference.space == .exchange { exchange = image } else { persistent = image }
        return reference
    }

    private mutating func transient(_ type: TensorType) -> TensorReference {
        defer { transientByteCount += (type.byteCount + 255) / 256 * 256 }
        return TensorReference(
            space: .transient, block: 0, byteOffset: transientByteCount, rows: type.rows, columns: type.columns, rowStride: type.columns,
            elementType: type.elementType)
    }

    /// A prepared run.
    final class Prepared {
        let executable: any Executable
        private let memory: any PersistentMemory
        private let arena: any Arena
        private let exchangeBefore: [UInt8]
        private let persistentBefore: [UInt8]
        private let placement: Placement

        init(
            _ executable: any Executable, _ memory: any PersistentMemory, _ arena: any Arena, _ placement: Placement, _ exchange: [UInt8],
            _ persistent: [UInt8]
        ) {
            self.executable = executable
            self.memory = memory
            self.arena = arena
            self.placement = placement
            exchangeBefore = exchange
            persistentBefore = persistent
        }

        /// Writes all memory as it was before the first run, and poisons the arena.
        func reset() throws {
            try arena.fill(0xFF)
            try executable.write(exchangeBefore, to: "before")
            try persistentBefore.withUnsafeBytes { try memory.write($0, to: placement) }
        }

        func run() throws -> Result {
            try reset()
            try executable.run()
            var persistent = [UInt8](repeating: 0, count: persistentBefore.count)
            try persistent.withUnsafeMutableBytes { try memory.read(placement, into: $0) }
            let exchange = try executable.read("after", count: exchangeBefore.count, as: UInt8.self, zero: 0)
            return Result(exchange: exchange, persistent: persistent)
        }
    }

    func prepare(on device: any ComputeDevice) throws -> Prepared {
        let exchangeBytes = exchange.bytes.isEmpty ? Array(repeating: 0xFF, count: 256) : exchange.bytes
        let persistentBytes = persistent.bytes.isEmpty ? Array(repeating: 0xFF, count: 256) : persistent.bytes
        let tensor = PersistentTensor(key: "image", type: TensorType(rows: 1, columns: persistentBytes.count / 4, .int32), kind: .cache)
        let layout = try PersistentLayout([tensor], limits: device.limits)
        guard let placement = layout.placements["image"], placement.pieces.count == 1, let start = placement.pieces.first else {
            throw GraphError.undefinedValue("image")
        }
        let moved = { (reference: TensorReference) in
            guard reference.space == .persistent else { return reference }
            var result = reference
            result.block = start.block
            result.byteOffset += start.byteOffset
            return result
        }
        let whole = TensorReference(
            space: .exchange, block: 0, byteOffset: 0, rows: 1, columns: exchangeBytes.count / 4, rowStride: exchangeBytes.count / 4,
            elementType: .int32)
        let blocks = [max(256, transientByteCount)]
        let plan = Plan(
            calls: planned.map {
                KernelCall(operation: $0.operation, inputs: $0.inputs.map(moved), outputs: $0.outputs.map(moved), node: $0.node)
            },
            transientBlocks: blocks, exchangeBlocks: [exchangeBytes.count], inputs: ["before": whole], outputs: ["after": whole],
            cost: .zero)
        let memory = try device.makePersistentMemory(layout, mapped: [:])
        let arena = try device.makeArena(blocks: blocks)
        return Prepared(
            try device.makeExecutable(plan, persistent: memory, arena: arena), memory, arena, placement, exchangeBytes, persistentBytes)
    }

    /// The images before the run, and by space which bytes outputs may change.
    var before: (exchange: Image, persistent: Image) { (exchange, persistent) }
}
