package import Graph

extension CPUDevice {
    package var memoryByteCount: Int? { SystemMemory.byteCount }
    package var sharesProcessMemory: Bool { true }

    /// Prepares the plan over memory that nothing touches, so that no page of it comes into being,
    /// and asks the kernels.
    package func workspaceByteCount(_ plan: Plan, layout: PersistentLayout) throws -> Int {
        var stand: [AlignedMemory] = []
        var mapped: [Int: UnsafeRawBufferPointer] = [:]
        for (index, block) in layout.blocks.enumerated() where block.mappedWeight != nil {
            let memory = try AlignedMemory(byteCount: block.byteCount)
            mapped[index] = UnsafeRawBufferPointer(start: memory.address, count: block.byteCount)
            stand.append(memory)
        }
        return try withExtendedLifetime(stand) {
            let persistent = try CPUPersistentMemory(layout, mapped: mapped)
            let arena = try CPUArena(blocks: plan.transientBlocks)
            return try exclusively { try CPUExecutable(plan, persistent: persistent, arena: arena, device: self).workspaceByteCount }
        }
    }
}
