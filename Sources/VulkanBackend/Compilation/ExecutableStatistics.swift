import CVulkan

/// What a driver's compiler says of a pipeline: registers, spills, occupancy, instructions, under
/// the driver's own names.
struct ExecutableStatistics {
    /// In the driver's order; numbers as text.
    var values: [(name: String, value: String)] = []
    /// The disassembly, where the driver gives one.
    var instructions = ""

    /// Asks for a pipeline that was made with `VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR`;
    /// empty where the driver does not say.
    init(_ device: VkDevice, _ pipeline: VkPipeline) {
        typealias Statistics =
            @convention(c) (
                VkDevice?, UnsafePointer<VkPipelineExecutableInfoKHR>?, UnsafeMutablePointer<UInt32>?,
                UnsafeMutablePointer<VkPipelineExecutableStatisticKHR>?
            ) -> VkResult
        typealias Representations =
            @convention(c) (
                VkDevice?, UnsafePointer<VkPipelineExecutableInfoKHR>?, UnsafeMutablePointer<UInt32>?,
                UnsafeMutablePointer<VkPipelineExecutableInternalRepresentationKHR>?
            ) -> VkResult
        // A compute pipeline has one executable.
        var info = VkPipelineExecutableInfoKHR()
        info.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR
        info.pipeline = pipeline
        if let address = vkGetDeviceProcAddr(device, "vkGetPipelineExecutableStatisticsKHR") {
            let get = unsafeBitCast(address, to: Statistics.self)
            var empty = VkPipelineExecutableStatisticKHR()
            empty.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR
            var count: UInt32 = 0
            if get(device, &info, &count, nil) == VK_SUCCESS, count > 0, count < 4096 {
                var all = [VkPipelineExecutableStatisticKHR](repeating: empty, count: Int(count))
                if get(device, &info, &count, &all) == VK_SUCCESS {
                    values = all.prefix(Int(count)).map { (text(of: $0.name), Self.value($0)) }
                }
            }
        }
        if let address = vkGetDeviceProcAddr(device, "vkGetPipelineExecutableInternalRepresentationsKHR") {
            instructions = Self.disassembly(device, &info, unsafeBitCast(address, to: Representations.self))
        }
    }

    private static func value(_ statistic: VkPipelineExecutableStatisticKHR) -> String {
        switch statistic.format {
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR: "\(statistic.value.b32 != 0)"
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR: "\(statistic.value.i64)"
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR: "\(statistic.value.u64)"
        default: "\(statistic.value.f64)"
        }
    }

    /// The last representation that is text: the instructions themselves.
    private static func disassembly(
        _ device: VkDevice, _ info: inout VkPipelineExecutableInfoKHR,
        _ get:
            @convention(c) (
                VkDevice?, UnsafePointer<VkPipelineExecutableInfoKHR>?, UnsafeMutablePointer<UInt32>?,
                UnsafeMutablePointer<VkPipelineExecutableInternalRepresentationKHR>?
            ) -> VkResult
    ) -> String {
        var empty = VkPipelineExecutableInternalRepresentationKHR()
        empty.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR
        var count: UInt32 = 0
        guard get(device, &info, &count, nil) == VK_SUCCESS, count > 0, count < 64 else { return "" }
        var all = [VkPipelineExecutableInternalRepresentationKHR](repeating: empty, count: Int(count))
        // First the sizes, then the content.
        guard get(device, &info, &count, &all) == VK_SUCCESS else { return "" }
        let sizes = all.map { Int($0.dataSize) }
        guard sizes.allSatisfy({ $0 < 64 << 20 }) else { return "" }
        let buffers = sizes.map { UnsafeMutableRawPointer.allocate(byteCount: max(1, $0), alignment: 8) }
        defer { for buffer in buffers { buffer.deallocate() } }
        for index in all.indices { all[index].pData = buffers[index] }
        guard get(device, &info, &count, &all) == VK_SUCCESS else { return "" }
        guard let index = all.lastIndex(where: { $0.isText != 0 }) else { return "" }
        let bytes = UnsafeRawBufferPointer(start: buffers[index], count: min(sizes[index], Int(all[index].dataSize)))
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
