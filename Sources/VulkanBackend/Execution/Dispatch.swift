import Graph
import Tensors

/// One run of a shader: its operands, its constants, and how many groups it takes.
struct Dispatch {
    enum Access {
        case read
        case write
        case readWrite

        var reads: Bool { self != .write }
        var writes: Bool { self != .read }
    }
    struct Operand {
        var reference: TensorReference
        var access: Access
    }
    /// The file `Shaders/<shader>.comp`.
    var shader: String
    /// By binding.
    var operands: [Operand]
    /// What the shader is compiled with, besides the types of its operands.
    var definitions: [String: Int] = [:]
    /// Values of the specialization constants from 0 on; the first is the number of invocations of
    /// a group.
    var specialization: [UInt32]
    /// The subgroups that the shader counts on; nil where it counts on none.
    var subgroupSize: Int?
    /// The kernel's own push constants.
    var parameters: [UInt32]
    /// Groups in one line; the shader finds its own by `group_index()`.
    var groupCount: Int

    init(
        _ shader: String, reads: [TensorReference], writes: [TensorReference] = [], readsAndWrites: [TensorReference] = [],
        definitions: [String: Int] = [:],
        specialization: [UInt32], parameters: [UInt32], groupCount: Int
    ) {
        self.shader = shader
        operands =
            reads.map { Operand(reference: $0, access: .read) } + readsAndWrites.map { Operand(reference: $0, access: .readWrite) }
            + writes.map { Operand(reference: $0, access: .write) }
        self.definitions = definitions
        self.specialization = specialization
        self.parameters = parameters
        self.groupCount = groupCount
    }
}

/// An operation that has a kernel here.
protocol VulkanKernel: Operation {
    /// The dispatches that compute the operation, in order.
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch]

    /// Bytes of scratch memory that the dispatches use, which they name by
    /// ``TensorReference/scratch(rows:columns:)``.
    func scratchByteCount(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) -> Int

    /// The matrix products that the dispatches compute, whose variants are measured.
    func products(_ inputs: [TensorReference], _ outputs: [TensorReference]) -> [ProductSample]

    /// The variant that computes these operands on a device; empty for kernels without variants.
    func variantName(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) -> String
}

extension VulkanKernel {
    func scratchByteCount(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) -> Int { 0 }
    func products(_ inputs: [TensorReference], _ outputs: [TensorReference]) -> [ProductSample] { [] }
    func variantName(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) -> String { "" }
}

extension TensorReference {
    /// Float32 numbers at the beginning of the scratch memory, which one kernel call has to itself.
    static func scratch(rows: Int, columns: Int) -> TensorReference {
        TensorReference(
            space: .transient, block: scratchBlock, byteOffset: 0, rows: rows, columns: columns, rowStride: columns, elementType: .float32)
    }

    /// The number of the scratch block among the blocks of the arena.
    static let scratchBlock = -1
}

extension ElementType {
    /// As common/operands.glsl calls it.
    var shaderName: String {
        switch self {
        case .float32: "FLOAT32"
        case .float16: "FLOAT16"
        case .bfloat16: "BFLOAT16"
        default: "INT32"
        }
    }
}

extension Float {
    /// As a push constant.
    var word: UInt32 { bitPattern }
}

extension Int {
    /// As a push constant.
    var word: UInt32 { UInt32(clamping: self) }
}
