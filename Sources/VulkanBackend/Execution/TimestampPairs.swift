import CVulkan

/// Pairs of the device's timestamps: how long stretches of commands take.
final class TimestampPairs {
    let count: Int
    private let context: VulkanContext
    private let pool: VkQueryPool

    /// - Parameter count: stretches to be timed.
    init(_ context: VulkanContext, count: Int) throws(VulkanError) {
        self.context = context
        self.count = count
        var info = VkQueryPoolCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO
        info.queryType = VK_QUERY_TYPE_TIMESTAMP
        info.queryCount = UInt32(max(1, 2 * count))
        let device = context.handle
        pool = try made("vkCreateQueryPool") { vkCreateQueryPool(device, &info, nil, $0) }
    }

    deinit { if !context.isLost { vkDestroyQueryPool(context.handle, pool, nil) } }

    /// Must be recorded before the pairs are written.
    func reset(_ pairs: Range<Int>, _ commands: VkCommandBuffer) {
        vkCmdResetQueryPool(commands, pool, UInt32(2 * pairs.lowerBound), UInt32(2 * pairs.count))
    }

    /// Writes both timestamps of a pair around the commands that `body` records.
    func time(_ pair: Int, _ commands: VkCommandBuffer, _ body: () -> Void) {
        vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, pool, UInt32(2 * pair))
        body()
        vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, pool, UInt32(2 * pair + 1))
    }

    /// Seconds of each stretch, after the commands have run.
    func seconds() throws(VulkanError) -> [Double] {
        if count == 0 { return [] }
        var times = [UInt64](repeating: 0, count: 2 * count)
        let flags = VK_QUERY_RESULT_64_BIT.rawValue | VK_QUERY_RESULT_WAIT_BIT.rawValue
        try check(
            vkGetQueryPoolResults(context.handle, pool, 0, UInt32(times.count), times.count * 8, &times, 8, flags), "vkGetQueryPoolResults")
        let bits = UInt64(context.physical.timestampBits)
        let mask: UInt64 = bits >= 64 ? .max : (1 << bits) - 1
        let period = Double(context.physical.properties.limits.timestampPeriod) * 1e-9
        return (0..<count).map { Double((times[2 * $0 + 1] &- times[2 * $0]) & mask) * period }
    }
}
