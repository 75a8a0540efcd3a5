import CVulkan
import Glibc
import Graph
import Tensors

/// A plan as recorded command buffers, which every run submits again.
final class VulkanExecutable: Executable {
    private let context: VulkanContext
    private let plan: Plan
    private let persistent: VulkanPersistentMemory
    private let arena: VulkanArena
    private let exchange: [VulkanBuffer]
    private let scratch: VulkanBuffer
    private var pipelines: [Pipeline] = []
    private var descriptorPool: VkDescriptorPool?
    private var commands: [VkCommandBuffer] = []
    /// Seconds that a run was guessed to take when it was recorded.
    private var guessedSeconds = 0.0
    private var steps: [Step] = []
    /// Chains of products by their last call, where their dispatches stand.
    private let chains: [Int: [Int]]
    private var schedule = SubmissionSchedule(seconds: [], groupCounts: [])
    private var timer: TimestampPairs?
    /// Whether it has run once: its submissions have the length they should have, and the driver
    /// has compiled what it compiles late.
    private var hasRun = false

    /// A dispatch with everything resolved.
    private struct Step {
        var call: Int
        var pipeline: Pipeline
        var set: VkDescriptorSet
        var constants: [UInt32]
        var groupCount: Int
        var touches: [(buffer: Int, bytes: Range<Int>, access: Dispatch.Access)]
    }

    /// - Parameters:
    ///   - isTrial: whether its pipelines are tried once and not kept.
    ///   - isCancelled: asked before each pipeline, which may have to be compiled.
    init(
        _ device: VulkanDevice, _ plan: Plan, _ persistent: VulkanPersistentMemory, _ arena: VulkanArena, profile: DeviceProfile,
        isTrial: Bool = false, unless isCancelled: () -> Bool = { false }
    ) throws(VulkanError) {
        context = device.context
        self.plan = plan
        self.persistent = persistent
        self.arena = arena
        var exchange: [VulkanBuffer] = []
        for byteCount in plan.exchangeBlocks {
            let buffer = try VulkanBuffer(context, byteCount: byteCount, isForHost: true)
            try buffer.fill(0)
            exchange.append(buffer)
        }
        self.exchange = exchange
        var dispatches: [(call: Int, dispatch: Dispatch)] = []
        var scratchBytes = 0
        chains = ProductChains.find(in: plan.calls)
        let moved = Set(chains.values.flatMap { $0.dropLast() })
        for (index, call) in plan.calls.enumerated() where !moved.contains(index) {
            guard let kernel = call.operation as? any VulkanKernel else { throw .unknownOperation(call.operation.name) }
            let found: [Dispatch]
            if let chain = chains[index] {
                found = MatrixProductSum.sums(of: chain.map { plan.calls[$0] }).flatMap { $0.dispatches(profile) }
            } else {
                scratchBytes = max(scratchBytes, kernel.scratchByteCount(call.inputs, call.outputs, profile))
                found = try kernel.dispatches(call.inputs, call.outputs, profile)
            }
            for dispatch in found where dispatch.groupCount > 0 { dispatches.append((index, dispatch)) }
        }
        scratch = try arena.scratch(byteCount: scratchBytes)
        try makePool(dispatches.map(\.dispatch))
        for (call, dispatch) in dispatches {
            if isCancelled() { throw .brokenOff }
            steps.append(try step(call, dispatch, device, isTrial))
        }
        try makeSchedule()
    }

    /// Cuts the steps into submissions by what they are guessed to take.
    private func makeSchedule() throws(VulkanError) {
        let pacer = context.pacer
        var perCall = plan.calls.map(pacer.guess)
        guessedSeconds = perCall.reduce(0, +)
        for (last, chain) in chains { perCall[last] = chain.reduce(0) { $0 + perCall[$1] } }
        var dispatchCounts = [Int](repeating: 0, count: plan.calls.count)
        for step in steps { dispatchCounts[step.call] += 1 }
        schedule = SubmissionSchedule(
            seconds: steps.map { pacer.corrected(perCall[$0.call]) / Double(max(1, dispatchCounts[$0.call])) },
            groupCounts: steps.map(\.groupCount))
        try recordSubmissions()
    }

    private func recordSubmissions() throws(VulkanError) {
        for buffer in commands { context.free(buffer) }
        commands = []
        timer = context.physical.timestampBits > 0 ? try TimestampPairs(context, count: schedule.submissions.count) : nil
        for (index, parts) in schedule.submissions.enumerated() { commands.append(try recorded(parts, index)) }
    }

    private func recorded(_ parts: [SubmissionSchedule.Part], _ index: Int) throws(VulkanError) -> VkCommandBuffer {
        try context.record { commands throws(VulkanError) in
            timer?.reset(index..<(index + 1), commands)
            fullBarrier(commands)
            let recordParts = {
                var hazards = HazardTracker()
                for part in parts {
                    let step = self.steps[part.step]
                    // Parts of one step touch the same operands and need no barrier between them.
                    if part.groups.lowerBound == 0 || hazards.isFresh, hazards.needsBarrier(step.touches) { dispatchBarrier(commands) }
                    self.record(step, part.groups, commands)
                }
                fullBarrier(commands)
            }
            if let timer { timer.time(index, commands, recordParts) } else { recordParts() }
        }
    }

    deinit {
        if context.isLost { return }
        for commands in commands { context.free(commands) }
        if let descriptorPool { vkDestroyDescriptorPool(context.handle, descriptorPool, nil) }
    }

    private func makePool(_ dispatches: [Dispatch]) throws(VulkanError) {
        let count = dispatches.reduce(0) { $0 + $1.operands.count }
        let size = VkDescriptorPoolSize(type: VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, descriptorCount: UInt32(max(1, count)))
        descriptorPool = try withPointer(size) { size throws(VulkanError) in
            var info = VkDescriptorPoolCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO
            info.maxSets = UInt32(max(1, dispatches.count))
            info.poolSizeCount = 1
            info.pPoolSizes = size
            let device = context.handle
            return try made("vkCreateDescriptorPool") { vkCreateDescriptorPool(device, &info, nil, $0) }
        }
    }

    /// The buffer a reference lies in, and a number that tells buffers apart.
    private func buffer(of reference: TensorReference) -> (VulkanBuffer, Int)? {
        switch reference.space {
        case .persistent:
            persistent.buffers.indices.contains(reference.block) ? (persistent.buffers[reference.block], 3 * reference.block) : nil
        case .exchange: exchange.indices.contains(reference.block) ? (exchange[reference.block], 3 * reference.block + 1) : nil
        case .transient:
            if reference.block == TensorReference.scratchBlock {
                (scratch, -1)
            } else {
                arena.buffers.indices.contains(reference.block) ? (arena.buffers[reference.block], 3 * reference.block + 2) : nil
            }
        }
    }

    private func step(_ call: Int, _ dispatch: Dispatch, _ device: VulkanDevice, _ isTrial: Bool) throws(VulkanError) -> Step {
        let pipeline = try device.pipelines.pipeline(for: dispatch, isTrial: isTrial)
        pipelines.append(pipeline)
        var constants = [UInt32](repeating: 0, count: Pipeline.constantWords)
        var touches: [(buffer: Int, bytes: Range<Int>, access: Dispatch.Access)] = []
        var infos: [VkDescriptorBufferInfo] = []
        let name = plan.calls[call].operation.name
        guard 2 * dispatch.operands.count + dispatch.parameters.count <= Pipeline.constantWords - 2 else {
            throw .badOperand(operation: name, reason: "too many operands and parameters")
        }
        let alignment = max(4, Int(clamping: context.physical.properties.limits.minStorageBufferOffsetAlignment))
        for (index, operand) in dispatch.operands.enumerated() {
            let reference = operand.reference
            let size = reference.elementType.byteCount
            guard let (buffer, number) = buffer(of: reference), reference.rows >= 0, reference.columns >= 0,
                reference.rowStride >= reference.columns,
                reference.byteOffset >= 0, reference.byteOffset % size == 0, reference.byteOffset + reference.byteSpan <= buffer.byteCount
            else { throw .badOperand(operation: name, reason: "an operand lies outside its memory: \(reference)") }
            let start = reference.byteOffset / alignment * alignment
            let end = min(buffer.byteCount, (reference.byteOffset + max(4, reference.byteSpan) + 3) / 4 * 4)
            infos.append(VkDescriptorBufferInfo(buffer: buffer.handle, offset: VkDeviceSize(start), range: VkDeviceSize(end - start)))
            constants[2 * index] = ((reference.byteOffset - start) / size).word
            constants[2 * index + 1] = reference.rowStride.word
            touches.append((number, reference.byteOffset..<(reference.byteOffset + reference.byteSpan), operand.access))
        }
        for (index, parameter) in dispatch.parameters.enumerated() { constants[2 * dispatch.operands.count + index] = parameter }
        let set = try makeSet(pipeline, infos)
        return Step(call: call, pipeline: pipeline, set: set, constants: constants, groupCount: dispatch.groupCount, touches: touches)
    }

    private func makeSet(_ pipeline: Pipeline, _ infos: [VkDescriptorBufferInfo]) throws(VulkanError) -> VkDescriptorSet {
        let device = context.handle
        return try withPointer(Optional(pipeline.setLayout)) { layout throws(VulkanError) in
            var allocation = VkDescriptorSetAllocateInfo()
            allocation.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO
            allocation.descriptorPool = descriptorPool
            allocation.descriptorSetCount = 1
            allocation.pSetLayouts = layout
            let set: VkDescriptorSet = try made("vkAllocateDescriptorSets") { vkAllocateDescriptorSets(device, &allocation, $0) }
            try withElements(infos) { infos throws(VulkanError) in
                var write = VkWriteDescriptorSet()
                write.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET
                write.dstSet = set
                write.descriptorCount = UInt32(infos.count)
                write.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER
                write.pBufferInfo = UnsafePointer(infos.baseAddress)
                vkUpdateDescriptorSets(device, 1, &write, 0, nil)
            }
            return set
        }
    }

    /// Groups side by side in a dispatch; common/operands.glsl counts on it.
    private static let groupsAcross = 32_768

    private func record(_ step: Step, _ groups: Range<Int>, _ commands: VkCommandBuffer) {
        vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, step.pipeline.handle)
        var set: VkDescriptorSet? = step.set
        vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, step.pipeline.layout, 0, 1, &set, 0, nil)
        var constants = step.constants
        constants[Pipeline.constantWords - 2] = groups.upperBound.word
        constants[Pipeline.constantWords - 1] = groups.lowerBound.word
        vkCmdPushConstants(
            commands, step.pipeline.layout, VK_SHADER_STAGE_COMPUTE_BIT.rawValue, 0, UInt32(Pipeline.constantWords * 4), constants)
        let across = min(groups.count, Self.groupsAcross)
        vkCmdDispatch(commands, UInt32(across), UInt32((groups.count + across - 1) / max(1, across)), 1)
    }

    func write(_ bytes: UnsafeRawBufferPointer, to input: String) throws {
        guard let reference = plan.inputs[input] else {
            throw VulkanError.badTransfer(name: "input \(input)", byteCount: bytes.count, expected: nil)
        }
        try forEachRow(of: reference, "input \(input)", bytes.count) { address, start, count in
            if let source = bytes.baseAddress { memcpy(address, source + start, count) }
        }
    }

    func read(_ output: String, into bytes: UnsafeMutableRawBufferPointer) throws {
        guard let reference = plan.outputs[output] else {
            throw VulkanError.badTransfer(name: "output \(output)", byteCount: bytes.count, expected: nil)
        }
        try forEachRow(of: reference, "output \(output)", bytes.count) { address, start, count in
            if let target = bytes.baseAddress { memcpy(target + start, address, count) }
        }
    }

    private func forEachRow(
        of reference: TensorReference, _ name: String, _ byteCount: Int, _ copy: (UnsafeMutableRawPointer, Int, Int) -> Void
    ) throws(VulkanError) {
        guard byteCount == reference.type.byteCount else {
            throw .badTransfer(name: name, byteCount: byteCount, expected: reference.type.byteCount)
        }
        guard let (buffer, _) = buffer(of: reference), let mapped = buffer.mapped, reference.byteOffset >= 0,
            reference.byteOffset + reference.byteSpan <= buffer.byteCount
        else { throw .badOperand(operation: name, reason: "it does not lie in the exchange memory: \(reference)") }
        let size = reference.elementType.byteCount
        for row in 0..<reference.rows {
            copy(mapped + reference.byteOffset + row * reference.rowStride * size, row * reference.columns * size, reference.columns * size)
        }
    }

    func run(unless isCancelled: () -> Bool) throws {
        if commands.isEmpty { return }
        let start = ContinuousClock.now
        guard try context.submit(commands, groupLength: hasRun ? VulkanContext.groupLength : 1, unless: isCancelled) else {
            throw Cancelled()
        }
        hasRun = true
        context.pacer.learn(guessed: guessedSeconds, measured: start.duration(to: .now).inSeconds)
        if let timer, schedule.correct(measured: try timer.seconds()) { try recordSubmissions() }
    }

    /// Seconds of one run: by the device's own clock where it has one.
    func measuredSeconds() throws -> Double {
        if context.physical.timestampBits > 0 { return try profile().reduce(0, +) }
        let start = ContinuousClock.now
        try context.submit(commands)
        return start.duration(to: .now).inSeconds
    }

    func profile() throws -> [Double] {
        var seconds = [Double](repeating: 0, count: plan.calls.count)
        guard context.physical.timestampBits > 0, !steps.isEmpty else { return seconds }
        // One submission would be so long that a driver's watchdog might take the device away.
        let parts = schedule.submissions.flatMap { $0 }
        let timer = try TimestampPairs(context, count: parts.count)
        var start = 0
        for submission in schedule.submissions {
            let range = start..<(start + submission.count)
            start = range.upperBound
            try context.runOnce { commands throws(VulkanError) in
                timer.reset(range, commands)
                fullBarrier(commands)
                for (index, part) in zip(range, submission) {
                    timer.time(index, commands) { record(steps[part.step], part.groups, commands) }
                    fullBarrier(commands)
                }
            }
        }
        for (part, time) in zip(parts, try timer.seconds()) { seconds[steps[part.step].call] += time }
        // The products of a chain share its time by their arithmetic.
        for (last, chain) in chains {
            let work = chain.map { max(1, plan.calls[$0].cost(visiblePairs: nil).floatingPointOperations) }
            let (time, sum) = (seconds[last], work.reduce(0, +))
            for (call, share) in zip(chain, work) { seconds[call] = time * share / sum }
        }
        return seconds
    }
}
