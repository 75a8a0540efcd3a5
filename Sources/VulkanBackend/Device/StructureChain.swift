import CVulkan

/// Vulkan structures that point to one another by `pNext`, at places that do not move.
final class StructureChain {
    private var blocks: [UnsafeMutableRawPointer] = []
    /// The structure that was added last; it points to those before it.
    private(set) var head: UnsafeMutableRawPointer?

    deinit { for block in blocks { block.deallocate() } }

    /// Adds a structure of Vulkan, whose `sType` is set, in front of the others.
    @discardableResult func add<Structure: BitwiseCopyable>(_ structure: Structure) -> UnsafeMutablePointer<Structure> {
        let block = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<Structure>.size, alignment: MemoryLayout<Structure>.alignment)
        blocks.append(block)
        let typed = block.initializeMemory(as: Structure.self, to: structure)
        // Every structure of a chain begins as VkBaseOutStructure does: type, next.
        block.withMemoryRebound(to: VkBaseOutStructure.self, capacity: 1) { [head] base in
            base.pointee.pNext = head.map { $0.assumingMemoryBound(to: VkBaseOutStructure.self) }
        }
        head = block
        return typed
    }
}
