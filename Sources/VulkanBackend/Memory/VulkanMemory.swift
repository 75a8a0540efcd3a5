import Graph
import Tensors

/// The persistent memory of one job on a device.
final class VulkanPersistentMemory: PersistentMemory {
    let layout: PersistentLayout
    let buffers: [VulkanBuffer]

    init(_ context: VulkanContext, _ layout: PersistentLayout) throws(VulkanError) {
        self.layout = layout
        var buffers: [VulkanBuffer] = []
        for block in layout.blocks {
            let buffer = try VulkanBuffer(context, byteCount: block.byteCount, isForHost: false)
            try buffer.fill(0)
            buffers.append(buffer)
        }
        self.buffers = buffers
    }

    func write(_ bytes: UnsafeRawBufferPointer, to placement: Placement) throws {
        try forEachRun(of: placement, byteCount: bytes.count) { buffer, offset, range throws(VulkanError) in
            try buffer.write(UnsafeRawBufferPointer(rebasing: bytes[range]), at: offset)
        }
    }

    func read(_ placement: Placement, into bytes: UnsafeMutableRawBufferPointer) throws {
        try forEachRun(of: placement, byteCount: bytes.count) { buffer, offset, range throws(VulkanError) in
            try buffer.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: bytes[range]))
        }
    }

    /// Each run of neighbouring bytes of a tensor: its buffer, where it begins there, and which of
    /// the tensor's bytes it is.
    private func forEachRun(
        of placement: Placement, byteCount: Int, _ body: (VulkanBuffer, Int, Range<Int>) throws(VulkanError) -> Void
    ) throws(VulkanError) {
        let expected = placement.pieces.reduce(0) { $0 + $1.type.byteCount }
        guard byteCount == expected else { throw .badTransfer(name: "a persistent tensor", byteCount: byteCount, expected: expected) }
        var start = 0
        for piece in placement.pieces {
            guard buffers.indices.contains(piece.block), piece.byteOffset >= 0,
                piece.byteOffset + piece.byteSpan <= buffers[piece.block].byteCount
            else { throw .badOperand(operation: "transfer", reason: "a tensor lies outside its memory: \(piece)") }
            let size = piece.elementType.byteCount
            let (rows, runBytes) = piece.isContiguous ? (min(1, piece.rows), piece.type.byteCount) : (piece.rows, piece.columns * size)
            for row in 0..<rows {
                try body(buffers[piece.block], piece.byteOffset + row * piece.rowStride * size, start..<(start + runBytes))
                start += runBytes
            }
        }
    }
}

/// Memory for values that live while a program runs.
final class VulkanArena: Arena {
    let blocks: [Int]
    let buffers: [VulkanBuffer]
    private let context: VulkanContext
    private var scratch: VulkanBuffer?

    /// Memory that kernels use within one call, at least so many bytes: one buffer for all programs
    /// of the arena, since they do not run at the same time.
    func scratch(byteCount: Int) throws(VulkanError) -> VulkanBuffer {
        if let scratch, scratch.byteCount >= byteCount { return scratch }
        let larger = try VulkanBuffer(context, byteCount: byteCount, isForHost: false)
        scratch = larger
        return larger
    }

    init(_ context: VulkanContext, blocks: [Int]) throws(VulkanError) {
        self.context = context
        self.blocks = blocks
        var buffers: [VulkanBuffer] = []
        for byteCount in blocks { buffers.append(try VulkanBuffer(context, byteCount: byteCount, isForHost: false)) }
        self.buffers = buffers
    }

    func fill(_ byte: UInt8) throws {
        for buffer in buffers { try buffer.fill(byte) }
    }
}
