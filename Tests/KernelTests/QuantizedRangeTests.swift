import Graph
import Quantization
import Tensors
import Testing

@testable import VulkanBackend

/// Quantised weights larger than one operand of the device.
@Suite(.serialized, .enabled(if: ProductVariantTests.hasVulkan, "there is no Vulkan device"))
struct QuantizedRangeTests {
    static let tight = MemoryLimits(maximumBlockBytes: 256 << 10, maximumTensorBytes: 16 << 10, alignment: 256)

    /// The product of drawn rows with a drawn weight, on a device with these limits, through the
    /// planner.
    static func result(_ product: QuantizedProduct, _ limits: MemoryLimits?) throws -> [Float] {
        let device = try VulkanDevice(validates: true, limits: limits)
        var random = CaseRandom(seed: KernelCatalogue.seed)
        let operands = QuantizedProductReference.inputs(&random, product, rows: 5, .float32, .float32)
        var graph = Graph()
        let tensor = PersistentTensor(key: "w", type: operands[1].type, kind: .weight, isReadInParts: true)
        let output = try graph.add(product, [graph.input("x", operands[0].type), graph.persistent(tensor)])[0]
        graph.markOutput(output, "y")
        let layout = try PersistentLayout([tensor], limits: device.limits)
        let plan = try Planner(limits: device.limits, layout: layout).plan(graph)
        let memory = try device.makePersistentMemory(layout, mapped: [:])
        let placement = try #require(layout.placements["w"])
        if case .blocks = product.format {
            try operands[1].values.map { UInt8($0) }.withUnsafeBytes { try memory.write($0, to: placement) }
        } else {
            try operands[1].values.map { Int32($0) }.withUnsafeBytes { try memory.write($0, to: placement) }
        }
        let executable = try device.makeExecutable(plan, persistent: memory, arena: device.makeArena(blocks: plan.transientBlocks))
        try executable.write(operands[0].values.map { Float($0) }, to: "x")
        try executable.run()
        #expect(device.validationMessages == [])
        return try executable.readFloats("y", count: graph.type(of: output).elementCount)
    }

    private static let formats: [WeightFormat] = [.words(.q8), .words(.nf4), .blocks(.q8_0), .blocks(.q4_k), .blocks(.mxfp4)]

    @Test(arguments: formats, [true, false])
    func aWeightBeyondTheRangeGivesTheSameBytes(_ format: WeightFormat, _ transposes: Bool) throws {
        let product = QuantizedProduct(format, outputs: 257, inputs: Self.isInBlocks(format) ? 512 : 300, transposesWeight: transposes)
        #expect(product.weightType.byteCount > Self.tight.maximumTensorBytes)
        #expect(try Self.result(product, Self.tight) == Self.result(product, nil))
    }

    private static func isInBlocks(_ format: WeightFormat) -> Bool { format != .words(.q8) && format != .words(.nf4) }

    @Test(arguments: formats, [true, false])
    func noDispatchBindsMoreThanTheRange(_ format: WeightFormat, _ transposes: Bool) throws {
        let width = Self.isInBlocks(format) ? 512 : 333
        let product = QuantizedProduct(format, outputs: 1000, inputs: width, transposesWeight: transposes)
        let reference = { (type: TensorType) in
            TensorReference(
                space: .persistent, block: 0, byteOffset: 0, rows: type.rows, columns: type.columns, rowStride: type.columns,
                elementType: type.elementType)
        }
        var profile = ProductVariantTests.small
        profile.operandBytes = 16 << 10
        let inputs = [TensorType(rows: 4, columns: transposes ? width : 1000, .float32), product.weightType]
        let output = TensorType(rows: 4, columns: transposes ? 1000 : width, .float32)
        let dispatches = try product.dispatches(inputs.map(reference), [reference(output)], profile)
        #expect(dispatches.count > 100)
        for dispatch in dispatches {
            for operand in dispatch.operands { #expect(operand.reference.byteSpan <= profile.operandBytes, "\(dispatch.shader)") }
        }
        #expect(product.scratchByteCount(inputs.map(reference), [reference(output)], profile) <= profile.operandBytes)
    }
}
