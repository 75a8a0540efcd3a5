import CVulkan
import Glibc

/// A storage buffer with memory of its own, mapped where the host can reach it.
final class VulkanBuffer {
    let context: VulkanContext
    let handle: VkBuffer
    let byteCount: Int
    private let memory: VkDeviceMemory
    private let allocatedBytes: Int
    /// Where the host sees the buffer; nil for memory that only the device reaches.
    let mapped: UnsafeMutableRawPointer?

    /// - Parameter isForHost: must be mapped; else the device's own memory is preferred.
    init(_ context: VulkanContext, byteCount: Int, isForHost: Bool) throws(VulkanError) {
        self.context = context
        // Kernels read 16-bit numbers in whole words where the device cannot store them.
        self.byteCount = (max(4, byteCount) + 3) / 4 * 4
        let device = context.handle
        var info = VkBufferCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO
        info.size = VkDeviceSize(self.byteCount)
        info.usage =
            VK_BUFFER_USAGE_STORAGE_BUFFER_BIT.rawValue | VK_BUFFER_USAGE_TRANSFER_SRC_BIT.rawValue
            | VK_BUFFER_USAGE_TRANSFER_DST_BIT.rawValue
        info.sharingMode = VK_SHARING_MODE_EXCLUSIVE
        let buffer: VkBuffer = try made("vkCreateBuffer", byteCount: byteCount) { vkCreateBuffer(device, &info, nil, $0) }
        do throws(VulkanError) {
            var requirements = VkMemoryRequirements()
            vkGetBufferMemoryRequirements(device, buffer, &requirements)
            let ours = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT.rawValue
            let hosts = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT.rawValue | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT.rawValue
            let wishes = isForHost ? [hosts] : [ours | hosts, ours, hosts]
            // On a card of its own the memory that both see is small; weights belong into the large
            // one.
            let order = context.physical.preference == 3 && !isForHost ? [ours, hosts] : wishes
            guard
                let type = order.lazy.compactMap({ context.physical.memoryTypes(with: $0, among: requirements.memoryTypeBits).first }).first
            else {
                throw .outOfMemory(byteCount: byteCount)
            }
            var allocation = VkMemoryAllocateInfo()
            allocation.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO
            allocation.allocationSize = requirements.size
            allocation.memoryTypeIndex = UInt32(type)
            let memory: VkDeviceMemory = try made("vkAllocateMemory", byteCount: byteCount) {
                vkAllocateMemory(device, &allocation, nil, $0)
            }
            do throws(VulkanError) {
                try check(vkBindBufferMemory(device, buffer, memory, 0), "vkBindBufferMemory")
                var address: UnsafeMutableRawPointer?
                if context.physical.memoryFlags(type) & hosts == hosts {
                    try check(
                        vkMapMemory(device, memory, 0, tala_vulkan_whole_size(), 0, &address), "vkMapMemory", byteCount: self.byteCount)
                }
                mapped = address
            } catch {
                vkFreeMemory(device, memory, nil)
                throw error
            }
            self.memory = memory
            handle = buffer
            allocatedBytes = Int(clamping: requirements.size)
            context.count(bytes: allocatedBytes)
        } catch {
            vkDestroyBuffer(device, buffer, nil)
            throw error
        }
    }

    deinit {
        if context.isLost { return }
        vkDestroyBuffer(context.handle, handle, nil)
        vkFreeMemory(context.handle, memory, nil)
        context.count(bytes: -allocatedBytes)
    }

    /// Fills the whole buffer with a byte.
    func fill(_ byte: UInt8) throws(VulkanError) {
        if let mapped {
            memset(mapped, Int32(byte), byteCount)
            return
        }
        try context.runOnce { commands throws(VulkanError) in
            vkCmdFillBuffer(commands, handle, 0, tala_vulkan_whole_size(), UInt32(byte) * 0x0101_0101)
            fullBarrier(commands)
        }
    }

    private static let stagingBytes = 16 << 20

    /// Copies bytes from the host into the buffer.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(VulkanError) {
        guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
        if let mapped {
            memcpy(mapped + offset, source, bytes.count)
            return
        }
        try inPieces(bytes.count) { staging, start, count throws(VulkanError) in
            guard let stage = staging.mapped else { return }
            memcpy(stage, source + start, count)
            try context.runOnce { commands throws(VulkanError) in
                var region = VkBufferCopy(srcOffset: 0, dstOffset: VkDeviceSize(offset + start), size: VkDeviceSize(count))
                vkCmdCopyBuffer(commands, staging.handle, handle, 1, &region)
                fullBarrier(commands)
            }
        }
    }

    /// Copies bytes of the buffer to the host.
    func read(at offset: Int, into bytes: UnsafeMutableRawBufferPointer) throws(VulkanError) {
        guard let target = bytes.baseAddress, !bytes.isEmpty else { return }
        if let mapped {
            memcpy(target, mapped + offset, bytes.count)
            return
        }
        try inPieces(bytes.count) { staging, start, count throws(VulkanError) in
            try context.runOnce { commands throws(VulkanError) in
                var region = VkBufferCopy(srcOffset: VkDeviceSize(offset + start), dstOffset: 0, size: VkDeviceSize(count))
                vkCmdCopyBuffer(commands, handle, staging.handle, 1, &region)
                fullBarrier(commands)
            }
            if let stage = staging.mapped { memcpy(target + start, stage, count) }
        }
    }

    private func inPieces(
        _ byteCount: Int, _ body: (_ staging: VulkanBuffer, _ start: Int, _ count: Int) throws(VulkanError) -> Void
    ) throws(VulkanError) {
        let staging = try VulkanBuffer(context, byteCount: min(byteCount, Self.stagingBytes), isForHost: true)
        var start = 0
        while start < byteCount {
            let count = min(Self.stagingBytes, byteCount - start)
            try body(staging, start, count)
            start += count
        }
    }
}
