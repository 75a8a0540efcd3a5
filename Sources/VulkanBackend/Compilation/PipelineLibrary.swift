import CVulkan
import Graph
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
    }
    private let context: VulkanContext
    private let folder: ShaderFolder
    private let cache: VkPipelineCache
    private var compiled: [SourceKey: [UInt32]] = [:]
    private var pipelines: [PipelineKey: Pipeline] = [:]

    init(_ context: VulkanContext) throws(VulkanError) {
        self.context = context
        folder = try ShaderFolder()
        var info = VkPipelineCacheCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO
        let device = context.handle
        cache = try made("vkCreatePipelineCache") { vkCreatePipelineCache(device, &info, nil, $0) }
    }

    deinit { vkDestroyPipelineCache(context.handle, cache, nil) }

    func pipeline(for dispatch: Dispatch) throws(VulkanError) -> Pipeline {
        var definitions = dispatch.operands.enumerated().map { ("OPERAND_TYPE_\($0)", $1.reference.elementType.shaderName) }
        if context.physical.has16BitStorage { definitions.append(("HAS_16BIT_STORAGE", "1")) }
        definitions += dispatch.definitions.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        let source = SourceKey(shader: dispatch.shader, definitions: definitions.map { "\($0.0)=\($0.1)" })
        let key = PipelineKey(source: source, operandCount: dispatch.operands.count, specialization: dispatch.specialization)
        if let known = pipelines[key] { return known }
        let words: [UInt32]
        if let known = compiled[source] {
            words = known
        } else {
            words = try ShaderCompiler.compile(folder.source(dispatch.shader, definitions: definitions), named: dispatch.shader)
            compiled[source] = words
        }
        let pipeline = try Pipeline(
            context, words: words, operandCount: dispatch.operands.count, specialization: dispatch.specialization, cache: cache)
        pipelines[key] = pipeline
        return pipeline
    }
}
