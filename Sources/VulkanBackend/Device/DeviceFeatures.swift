import CVulkan

/// What a device offers beyond Vulkan 1.2's core that kernels use, as its driver says before it is
/// opened.
struct DeviceFeatures: Sendable {
    /// Rows, columns and inner size of a product of cooperative matrices, float16 with float32
    /// sums, within a subgroup.
    struct MatrixShape: Hashable, Sendable {
        var rows: Int
        var columns: Int
        var inner: Int
    }
    var has16BitStorage = false
    /// Shapes in the driver's order; empty where it offers none, or not all that the kernels need
    /// with them.
    var matrixShapes: [MatrixShape] = []
    /// Whether the size of subgroups can be asked for, and the sizes.
    var subgroupSizes: ClosedRange<Int>?
    var hasExecutableProperties = false

    static let matrixExtension = "VK_KHR_cooperative_matrix"
    static let subgroupSizeExtension = "VK_EXT_subgroup_size_control"
    static let executableExtension = "VK_KHR_pipeline_executable_properties"

    init(_ handle: VkPhysicalDevice, _ instance: VkInstance) {
        let extensions = Self.extensions(of: handle)
        let chain = StructureChain()
        let storage = chain.add(Self.storageFeatures)
        let half = chain.add(Self.halfFeatures)
        let model = chain.add(Self.memoryModelFeatures)
        let matrix = extensions.contains(Self.matrixExtension) ? chain.add(Self.matrixFeatures) : nil
        let sizes = extensions.contains(Self.subgroupSizeExtension) ? chain.add(Self.subgroupSizeFeatures) : nil
        let executable = extensions.contains(Self.executableExtension) ? chain.add(Self.executableFeatures) : nil
        var features = VkPhysicalDeviceFeatures2()
        features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2
        features.pNext = chain.head
        vkGetPhysicalDeviceFeatures2(handle, &features)
        has16BitStorage = storage.pointee.storageBuffer16BitAccess != 0 && features.features.shaderInt16 != 0
        hasExecutableProperties = executable.map { $0.pointee.pipelineExecutableInfo != 0 } ?? false
        if let sizes, sizes.pointee.subgroupSizeControl != 0, sizes.pointee.computeFullSubgroups != 0 {
            subgroupSizes = Self.subgroupSizes(of: handle)
        }
        // Only what is offered may be used: some drivers crash on a kernel with cooperative
        // matrices where the feature is missing.
        if let matrix, matrix.pointee.cooperativeMatrix != 0, has16BitStorage, half.pointee.shaderFloat16 != 0,
            model.pointee.vulkanMemoryModel != 0
        {
            matrixShapes = Self.shapes(of: handle, instance)
        }
    }

    /// The structures that switch on, when a device is opened, what is described here.
    func enabled(capturingStatistics: Bool) -> (chain: StructureChain, extensions: [String]) {
        let chain = StructureChain()
        var extensions: [String] = []
        var storage = Self.storageFeatures
        storage.storageBuffer16BitAccess = has16BitStorage ? 1 : 0
        chain.add(storage)
        if !matrixShapes.isEmpty {
            extensions.append(Self.matrixExtension)
            var matrix = Self.matrixFeatures
            matrix.cooperativeMatrix = 1
            chain.add(matrix)
            var half = Self.halfFeatures
            half.shaderFloat16 = 1
            chain.add(half)
            var model = Self.memoryModelFeatures
            model.vulkanMemoryModel = 1
            chain.add(model)
        }
        if subgroupSizes != nil {
            extensions.append(Self.subgroupSizeExtension)
            var sizes = Self.subgroupSizeFeatures
            sizes.subgroupSizeControl = 1
            sizes.computeFullSubgroups = 1
            chain.add(sizes)
        }
        if capturingStatistics, hasExecutableProperties {
            extensions.append(Self.executableExtension)
            var executable = Self.executableFeatures
            executable.pipelineExecutableInfo = 1
            chain.add(executable)
        }
        return (chain, extensions)
    }

    private static func extensions(of handle: VkPhysicalDevice) -> Set<String> {
        var count: UInt32 = 0
        guard vkEnumerateDeviceExtensionProperties(handle, nil, &count, nil) == VK_SUCCESS, count > 0 else { return [] }
        var all = [VkExtensionProperties](repeating: VkExtensionProperties(), count: Int(count))
        guard vkEnumerateDeviceExtensionProperties(handle, nil, &count, &all) == VK_SUCCESS else { return [] }
        return Set(all.prefix(Int(count)).map { text(of: $0.extensionName) })
    }

    private static func subgroupSizes(of handle: VkPhysicalDevice) -> ClosedRange<Int>? {
        let chain = StructureChain()
        var control = VkPhysicalDeviceSubgroupSizeControlProperties()
        control.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES
        let sizes = chain.add(control)
        var properties = VkPhysicalDeviceProperties2()
        properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2
        properties.pNext = chain.head
        vkGetPhysicalDeviceProperties2(handle, &properties)
        let found = sizes.pointee
        let isForCompute = found.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT.rawValue != 0
        guard isForCompute, found.minSubgroupSize > 0, found.minSubgroupSize <= found.maxSubgroupSize else { return nil }
        return Int(found.minSubgroupSize)...Int(found.maxSubgroupSize)
    }

    private static func shapes(of handle: VkPhysicalDevice, _ instance: VkInstance) -> [MatrixShape] {
        guard let address = vkGetInstanceProcAddr(instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR") else { return [] }
        typealias Get =
            @convention(c) (
                VkPhysicalDevice?, UnsafeMutablePointer<UInt32>?, UnsafeMutablePointer<VkCooperativeMatrixPropertiesKHR>?
            ) -> VkResult
        let get = unsafeBitCast(address, to: Get.self)
        var count: UInt32 = 0
        guard get(handle, &count, nil) == VK_SUCCESS, count > 0, count < 4096 else { return [] }
        var empty = VkCooperativeMatrixPropertiesKHR()
        empty.sType = tala_cooperative_matrix_properties_type()
        var all = [VkCooperativeMatrixPropertiesKHR](repeating: empty, count: Int(count))
        guard get(handle, &count, &all) == VK_SUCCESS else { return [] }
        return all.prefix(Int(count)).compactMap { found in
            guard tala_is_half_to_float_product(found) != 0, found.saturatingAccumulation == 0 else { return nil }
            let sizes = [found.MSize, found.NSize, found.KSize]
            guard sizes.allSatisfy({ $0 > 0 && $0 <= 64 }) else { return nil }
            return MatrixShape(rows: Int(found.MSize), columns: Int(found.NSize), inner: Int(found.KSize))
        }
    }

    private static var storageFeatures: VkPhysicalDevice16BitStorageFeatures {
        var features = VkPhysicalDevice16BitStorageFeatures()
        features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES
        return features
    }
    private static var halfFeatures: VkPhysicalDeviceShaderFloat16Int8Features {
        var features = VkPhysicalDeviceShaderFloat16Int8Features()
        features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES
        return features
    }
    private static var memoryModelFeatures: VkPhysicalDeviceVulkanMemoryModelFeatures {
        var features = VkPhysicalDeviceVulkanMemoryModelFeatures()
        features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES
        return features
    }
    private static var matrixFeatures: VkPhysicalDeviceCooperativeMatrixFeaturesKHR {
        var features = VkPhysicalDeviceCooperativeMatrixFeaturesKHR()
        features.sType = tala_cooperative_matrix_features_type()
        return features
    }
    private static var subgroupSizeFeatures: VkPhysicalDeviceSubgroupSizeControlFeatures {
        var features = VkPhysicalDeviceSubgroupSizeControlFeatures()
        features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES
        return features
    }
    private static var executableFeatures: VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR {
        var features = VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR()
        features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR
        return features
    }
}
