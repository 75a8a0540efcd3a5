import CVulkan

/// An opened device: the logical device, its queue, and what is shared by everything made on it.
final class VulkanContext {
    let instance: VulkanInstance
    let physical: PhysicalDevice
    let handle: VkDevice
    let queue: VkQueue
    let commandPool: VkCommandPool
    let pacer: SubmissionPacer
    let capturesStatistics: Bool
    /// Bytes of device memory that buffers hold now, and the most that they held.
    private(set) var allocatedBytes = 0
    private(set) var peakAllocatedBytes = 0
    private let fence: VkFence
    /// Of the two groups of submissions that a long run has under way.
    private let groupFences: [VkFence]
    /// A lost device stays lost for this process, and what belongs to it is left alone: work may
    /// still be under way as far as is known, and drivers wait for ever in calls that destroy. The
    /// context then keeps itself, and with it the instance, whose end would take the driver from
    /// under its threads.
    private(set) var isLost = false {
        didSet { if isLost, !oldValue { _ = Unmanaged.passRetained(self) } }
    }

    /// - Parameter capturesStatistics: whether the compiler is to tell of the pipelines it makes.
    init(_ instance: VulkanInstance, _ physical: PhysicalDevice, capturesStatistics: Bool = false) throws(VulkanError) {
        self.capturesStatistics = capturesStatistics && physical.features.hasExecutableProperties
        guard let family = physical.queueFamily else { throw .noDevice(reason: "\(physical.name) does not compute") }
        self.instance = instance
        self.physical = physical
        pacer = SubmissionPacer(physical)
        let priority: Float = 1
        let device: VkDevice = try withPointer(priority) { priority throws(VulkanError) in
            var queue = VkDeviceQueueCreateInfo()
            queue.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO
            queue.queueFamilyIndex = family
            queue.queueCount = 1
            queue.pQueuePriorities = priority
            let (chain, extensions) = physical.features.enabled(capturingStatistics: capturesStatistics)
            return try withPointer(queue) { queue throws(VulkanError) in
                try withCStrings(extensions) { extensions throws(VulkanError) in
                    var features = VkPhysicalDeviceFeatures2()
                    features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2
                    features.features.shaderInt16 = physical.features.has16BitStorage ? 1 : 0
                    features.pNext = chain.head
                    return try withPointer(features) { features throws(VulkanError) in
                        var info = VkDeviceCreateInfo()
                        info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO
                        info.queueCreateInfoCount = 1
                        info.pQueueCreateInfos = queue
                        info.enabledExtensionCount = UInt32(extensions.count)
                        info.ppEnabledExtensionNames = extensions.baseAddress
                        info.pNext = UnsafeRawPointer(features)
                        return try made("vkCreateDevice") { vkCreateDevice(physical.handle, &info, nil, $0) }
                    }
                }
            }
        }
        handle = device
        var queue: VkQueue?
        vkGetDeviceQueue(device, family, 0, &queue)
        guard let queue else { throw .noDevice(reason: "\(physical.name) has no queue") }
        self.queue = queue
        var pool = VkCommandPoolCreateInfo()
        pool.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO
        pool.queueFamilyIndex = family
        commandPool = try made("vkCreateCommandPool") { vkCreateCommandPool(device, &pool, nil, $0) }
        var info = VkFenceCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO
        fence = try made("vkCreateFence") { vkCreateFence(device, &info, nil, $0) }
        var fences: [VkFence] = []
        for _ in 0..<2 { fences.append(try made("vkCreateFence") { vkCreateFence(device, &info, nil, $0) }) }
        groupFences = fences
    }

    deinit {
        vkDeviceWaitIdle(handle)
        for fence in groupFences + [fence] { vkDestroyFence(handle, fence, nil) }
        vkDestroyCommandPool(handle, commandPool, nil)
        vkDestroyDevice(handle, nil)
    }

    /// Takes note of memory that a buffer got, or gave back where it is negative.
    func count(bytes: Int) {
        allocatedBytes += bytes
        peakAllocatedBytes = max(peakAllocatedBytes, allocatedBytes)
    }

    /// Records commands once for many submissions.
    func record(_ body: (VkCommandBuffer) throws(VulkanError) -> Void) throws(VulkanError) -> VkCommandBuffer {
        var allocation = VkCommandBufferAllocateInfo()
        allocation.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO
        allocation.commandPool = commandPool
        allocation.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY
        allocation.commandBufferCount = 1
        let buffer: VkCommandBuffer = try made("vkAllocateCommandBuffers") { vkAllocateCommandBuffers(handle, &allocation, $0) }
        var begin = VkCommandBufferBeginInfo()
        begin.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO
        try check(vkBeginCommandBuffer(buffer, &begin), "vkBeginCommandBuffer")
        try body(buffer)
        try check(vkEndCommandBuffer(buffer), "vkEndCommandBuffer")
        return buffer
    }

    func free(_ buffer: VkCommandBuffer) {
        if isLost { return }
        var buffer: VkCommandBuffer? = buffer
        vkFreeCommandBuffers(handle, commandPool, 1, &buffer)
    }

    /// Submits recorded commands, each command buffer for itself, and waits for the end of the
    /// last.
    func submit(_ buffers: [VkCommandBuffer]) throws(VulkanError) {
        try noticingLoss { () throws(VulkanError) in
            try enqueue(buffers, fence)
            try wait(for: fence)
        }
    }

    /// Submissions in one group: some tenths of a second, as ``SubmissionPacer`` cuts them.
    static let groupLength = 8

    /// Submits recorded commands group after group, two under way at a time so that the device does
    /// not wait, and asks before each group whether to break off.
    /// - Parameter groupLength: submissions in one group; 1 while it is unknown how long they take,
    ///   or what drivers still have to compile.
    /// - Returns: false if it was broken off; nothing is under way then.
    func submit(_ buffers: [VkCommandBuffer], groupLength: Int = VulkanContext.groupLength, unless isCancelled: () -> Bool)
        throws(VulkanError) -> Bool
    {
        var goesOn = true
        try noticingLoss { () throws(VulkanError) in
            var underWay: [VkFence] = []
            var number = 0
            for start in stride(from: 0, to: buffers.count, by: groupLength) {
                if isCancelled() {
                    goesOn = false
                    break
                }
                if underWay.count == groupFences.count { try wait(for: underWay.removeFirst()) }
                let fence = groupFences[number % groupFences.count]
                try enqueue(Array(buffers[start..<min(start + groupLength, buffers.count)]), fence)
                underWay.append(fence)
                number += 1
            }
            for fence in underWay { try wait(for: fence) }
        }
        return goesOn
    }

    private func noticingLoss(_ body: () throws(VulkanError) -> Void) throws(VulkanError) {
        guard !isLost else { throw .deviceLost }
        do throws(VulkanError) {
            try body()
        } catch {
            if case .deviceLost = error { isLost = true } else { vkDeviceWaitIdle(handle) }
            throw error
        }
    }

    private func wait(for fence: VkFence) throws(VulkanError) {
        var fence: VkFence? = fence
        try check(vkWaitForFences(handle, 1, &fence, 1, .max), "vkWaitForFences")
        try check(vkResetFences(handle, 1, &fence), "vkResetFences")
    }

    private func enqueue(_ buffers: [VkCommandBuffer], _ fence: VkFence) throws(VulkanError) {
        let handles = UnsafeMutableBufferPointer<VkCommandBuffer?>.allocate(capacity: max(1, buffers.count))
        _ = handles.initialize(from: buffers.map { Optional($0) })
        defer { handles.deallocate() }
        let infos = buffers.indices.map { index in
            var info = VkSubmitInfo()
            info.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO
            info.commandBufferCount = 1
            info.pCommandBuffers = handles.baseAddress.map { UnsafePointer($0 + index) }
            return info
        }
        try check(vkQueueSubmit(queue, UInt32(infos.count), infos, fence), "vkQueueSubmit")
    }

    /// Records, submits, waits and forgets.
    func runOnce(_ body: (VkCommandBuffer) throws(VulkanError) -> Void) throws(VulkanError) {
        let buffer = try record(body)
        defer { free(buffer) }
        try submit([buffer])
    }
}

/// A barrier after which all that shaders and copies have written is visible to all that follow,
/// the host included.
func fullBarrier(_ commands: VkCommandBuffer) {
    var barrier = VkMemoryBarrier()
    barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER
    barrier.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT.rawValue | VK_ACCESS_TRANSFER_WRITE_BIT.rawValue | VK_ACCESS_HOST_WRITE_BIT.rawValue
    barrier.dstAccessMask =
        VK_ACCESS_SHADER_READ_BIT.rawValue | VK_ACCESS_SHADER_WRITE_BIT.rawValue | VK_ACCESS_TRANSFER_READ_BIT.rawValue
        | VK_ACCESS_TRANSFER_WRITE_BIT.rawValue | VK_ACCESS_HOST_READ_BIT.rawValue
    let stages =
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT.rawValue | VK_PIPELINE_STAGE_TRANSFER_BIT.rawValue | VK_PIPELINE_STAGE_HOST_BIT.rawValue
    vkCmdPipelineBarrier(commands, stages, stages, 0, 1, &barrier, 0, nil, 0, nil)
}

/// A barrier between dispatches: what was written may be read and overwritten, what was read may be
/// overwritten.
func dispatchBarrier(_ commands: VkCommandBuffer) {
    var barrier = VkMemoryBarrier()
    barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER
    barrier.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT.rawValue
    barrier.dstAccessMask = VK_ACCESS_SHADER_READ_BIT.rawValue | VK_ACCESS_SHADER_WRITE_BIT.rawValue
    let stage = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT.rawValue
    vkCmdPipelineBarrier(commands, stage, stage, 0, 1, &barrier, 0, nil, 0, nil)
}
