import CVulkan
package import Graph

extension VulkanDevice {
    /// The largest heap of the device's own memory.
    package var memoryByteCount: Int? {
        let memory = context.physical.memory
        return withUnsafeBytes(of: memory.memoryHeaps) { bytes in
            bytes.bindMemory(to: VkMemoryHeap.self).prefix(Int(memory.memoryHeapCount))
                .filter { $0.flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT.rawValue != 0 }
                .map { Int(clamping: $0.size) }.max()
        }
    }

    /// The most bytes of device memory that were allocated at one time since the device was opened.
    package var peakAllocatedByteCount: Int { context.peakAllocatedBytes }

    package var sharesProcessMemory: Bool { false }

    /// The scratch memory of the plan's kernels.
    package func workspaceByteCount(_ plan: Plan, layout: PersistentLayout) throws -> Int {
        let profile = profile
        return plan.calls.reduce(0) { most, call in
            max(most, (call.operation as? any VulkanKernel)?.scratchByteCount(call.inputs, call.outputs, profile) ?? 0)
        }
    }
}
