import CVulkan
import Graph
import JSON
import Storage
import Tensors

/// Every pipeline of a device, made once.
final class PipelineLibrary {
    private struct SourceKey: Hashable {
        var shader: String
        var definitions: [String]
    }
    private struct PipelineKey: Hashable {
        var source: SourceKey
        var operandCount: Int
        var specialization: [UInt32]
        var subgroupSize: Int?
    }
    private let context: VulkanContext
    private let folder: ShaderFolder
    private let cache: VkPipelineCache
    private let disk = DiskCache()
    /// Names device and driver: what is compiled and measured for them is of use to them only.
    let identity: String
    private let cacheEntry: String
    /// Pipelines that were not in the cache when the library was opened.
    private var newPipelineCount = 0
    private var compiled: [SourceKey: [UInt32]] = [:]
    private var pipelines: [PipelineKey: Pipeline] = [:]

    init(_ context: VulkanContext) throws(VulkanError) {
        self.context = context
        folder = try ShaderFolder()
        let properties = context.physical.properties
        let driver = withUnsafeBytes(of: properties.pipelineCacheUUID) { Array($0) }
        identity = "\(properties.vendorID)-\(properties.deviceID)-\(properties.driverVersion)-\(SHA256.hexadecimal(of: driver).prefix(16))"
        cacheEntry = "pipelines-\(identity).bin"
        let known = disk.read(cacheEntry) ?? []
        var info = VkPipelineCacheCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO
        let device = context.handle
        // The driver checks the data's header and takes nothing that is not its own.
        info.initialDataSize = known.count
        cache = try known.withBytes { bytes throws(VulkanError) in
            info.pInitialData = bytes.baseAddress.map { UnsafeRawPointer($0) }
            return try made("vkCreatePipelineCache") { vkCreatePipelineCache(device, &info, nil, $0) }
        }
    }

    deinit {
        if context.isLost { return }
        if newPipelineCount > 0 { save() }
        vkDestroyPipelineCache(context.handle, cache, nil)
    }

    private func save() {
        var count = 0
        guard vkGetPipelineCacheData(context.handle, cache, &count, nil) == VK_SUCCESS, count > 0, count < 256 << 20 else { return }
        var bytes = [UInt8](repeating: 0, count: count)
        guard vkGetPipelineCacheData(context.handle, cache, &count, &bytes) == VK_SUCCESS else { return }
        disk.write(cacheEntry, Array(bytes.prefix(count)))
    }

    /// - Parameter isTrial: whether it is to be tried once and not kept.
    func pipeline(for dispatch: Dispatch, isTrial: Bool = false) throws(VulkanError) -> Pipeline {
        var definitions = dispatch.operands.enumerated().map { ("OPERAND_TYPE_\($0)", $1.reference.elementType.shaderName) }
        if context.physical.features.has16BitStorage { definitions.append(("HAS_16BIT_STORAGE", "1")) }
        definitions += dispatch.definitions.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        let source = SourceKey(shader: dispatch.shader, definitions: definitions.map { "\($0.0)=\($0.1)" })
        let key = PipelineKey(
            source: source, operandCount: dispatch.operands.count, specialization: dispatch.specialization,
            subgroupSize: dispatch.subgroupSize)
        if let known = pipelines[key] { return known }
        let words: [UInt32]
        if let known = compiled[source] {
            words = known
        } else {
            var text = try folder.source(dispatch.shader, definitions: definitions)
            if context.physical.unrollsWithoutLimit { text.removeUnrolling() }
            words =
                isTrial
                ? try ShaderCompiler.compileAnew(text, named: dispatch.shader)
                : try ShaderCompiler.compile(text, named: dispatch.shader, cache: disk)
            if !isTrial { compiled[source] = words }
        }
        let pipeline = try Pipeline(
            context, words: words, operandCount: dispatch.operands.count, specialization: dispatch.specialization,
            subgroupSize: dispatch.subgroupSize, cache: cache)
        if isTrial { return pipeline }
        pipelines[key] = pipeline
        newPipelineCount += 1
        return pipeline
    }
}
