import CVulkan

/// A compiled kernel: pipeline, and the layouts of its operands and constants.
final class Pipeline {
    /// Words of push constants that every kernel has.
    static let constantWords = 32

    let handle: VkPipeline
    let layout: VkPipelineLayout
    let setLayout: VkDescriptorSetLayout
    private let context: VulkanContext

    /// - Parameter subgroupSize: the size of subgroups that the shader counts on, which the driver
    ///   is asked for where it lets itself be asked.
    init(
        _ context: VulkanContext, words: [UInt32], operandCount: Int, specialization: [UInt32], subgroupSize: Int?, cache: VkPipelineCache
    ) throws(VulkanError) {
        self.context = context
        let device = context.handle
        let bindings = (0..<operandCount).map { index in
            var binding = VkDescriptorSetLayoutBinding()
            binding.binding = UInt32(index)
            binding.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER
            binding.descriptorCount = 1
            binding.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT.rawValue
            return binding
        }
        let setLayout: VkDescriptorSetLayout = try withElements(bindings) { bindings throws(VulkanError) in
            var info = VkDescriptorSetLayoutCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO
            info.bindingCount = UInt32(bindings.count)
            info.pBindings = UnsafePointer(bindings.baseAddress)
            return try made("vkCreateDescriptorSetLayout") { vkCreateDescriptorSetLayout(device, &info, nil, $0) }
        }
        var layout: VkPipelineLayout?
        do throws(VulkanError) {
            let madeLayout = try Self.makeLayout(device, setLayout)
            layout = madeLayout
            handle = try Self.makePipeline(context, madeLayout, words, specialization, subgroupSize, cache)
            self.layout = madeLayout
            self.setLayout = setLayout
        } catch {
            if let layout { vkDestroyPipelineLayout(device, layout, nil) }
            vkDestroyDescriptorSetLayout(device, setLayout, nil)
            throw error
        }
    }

    private static func makeLayout(_ device: VkDevice, _ setLayout: VkDescriptorSetLayout) throws(VulkanError) -> VkPipelineLayout {
        var range = VkPushConstantRange()
        range.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT.rawValue
        range.size = UInt32(constantWords * 4)
        return try withPointer(Optional(setLayout)) { setLayout throws(VulkanError) in
            try withPointer(range) { range throws(VulkanError) in
                var info = VkPipelineLayoutCreateInfo()
                info.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO
                info.setLayoutCount = 1
                info.pSetLayouts = setLayout
                info.pushConstantRangeCount = 1
                info.pPushConstantRanges = range
                return try made("vkCreatePipelineLayout") { vkCreatePipelineLayout(device, &info, nil, $0) }
            }
        }
    }

    private static func makePipeline(
        _ context: VulkanContext, _ layout: VkPipelineLayout, _ words: [UInt32], _ specialization: [UInt32], _ subgroupSize: Int?,
        _ cache: VkPipelineCache
    ) throws(VulkanError) -> VkPipeline {
        let device = context.handle
        let module: VkShaderModule = try withElements(words) { words throws(VulkanError) in
            var info = VkShaderModuleCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO
            info.codeSize = words.count * 4
            info.pCode = UnsafePointer(words.baseAddress)
            return try made("vkCreateShaderModule") { vkCreateShaderModule(device, &info, nil, $0) }
        }
        defer { vkDestroyShaderModule(device, module, nil) }
        let chain = StructureChain()
        let canAsk = subgroupSize.map { context.physical.features.subgroupSizes?.contains($0) ?? false } ?? false
        if let subgroupSize, canAsk {
            var required = VkPipelineShaderStageRequiredSubgroupSizeCreateInfo()
            required.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO
            required.requiredSubgroupSize = UInt32(subgroupSize)
            chain.add(required)
        }
        let entries = specialization.indices.map { VkSpecializationMapEntry(constantID: UInt32($0), offset: UInt32(4 * $0), size: 4) }
        return try withElements(entries) { entries throws(VulkanError) in
            try withElements(specialization) { values throws(VulkanError) in
                var constants = VkSpecializationInfo()
                constants.mapEntryCount = UInt32(entries.count)
                constants.pMapEntries = UnsafePointer(entries.baseAddress)
                constants.dataSize = values.count * 4
                constants.pData = UnsafeRawPointer(values.baseAddress)
                return try withPointer(constants) { constants throws(VulkanError) in
                    try withCStrings(["main"]) { entry throws(VulkanError) in
                        var info = VkComputePipelineCreateInfo()
                        info.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO
                        info.layout = layout
                        if context.capturesStatistics {
                            info.flags =
                                VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR.rawValue
                                | VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR.rawValue
                        }
                        if canAsk {
                            info.stage.pNext = UnsafeRawPointer(chain.head)
                            info.stage.flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT.rawValue
                        }
                        info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO
                        info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT
                        info.stage.module = module
                        info.stage.pName = entry[0]
                        info.stage.pSpecializationInfo = constants
                        return try made("vkCreateComputePipelines") { vkCreateComputePipelines(device, cache, 1, &info, nil, $0) }
                    }
                }
            }
        }
    }

    deinit {
        if context.isLost { return }
        vkDestroyPipeline(context.handle, handle, nil)
        vkDestroyPipelineLayout(context.handle, layout, nil)
        vkDestroyDescriptorSetLayout(context.handle, setLayout, nil)
    }
}
