/// What a device can allocate and address.
package struct MemoryLimits: Sendable, Hashable {
    /// Bytes of one allocation at most.
    package var maximumBlockBytes: Int
    /// Bytes that one operand of a kernel may span at most (Vulkan's maxStorageBufferRange).
    package var maximumTensorBytes: Int
    /// Every tensor begins at a multiple of this many bytes.
    package var alignment: Int
    /// Whether a frozen weight may lie in memory of its own that the host provides (a mapped file)
    /// instead of a block.
    package var mapsWeights: Bool

    package init(maximumBlockBytes: Int, maximumTensorBytes: Int, alignment: Int = 256, mapsWeights: Bool = false) {
        self.maximumBlockBytes = maximumBlockBytes
        self.maximumTensorBytes = maximumTensorBytes
        self.alignment = alignment
        self.mapsWeights = mapsWeights
    }

    /// Memory of the processor: nothing needs to be split.
    package static let unlimited = MemoryLimits(maximumBlockBytes: .max / 4, maximumTensorBytes: .max / 4, alignment: 64, mapsWeights: true)
}
