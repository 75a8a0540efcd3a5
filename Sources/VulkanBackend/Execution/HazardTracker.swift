import Graph
import Tensors

/// Says before which dispatch a barrier must stand: where it touches what one since the last
/// barrier has written, or writes what one has read.
struct HazardTracker {
    private struct Touch {
        var buffer: Int
        var bytes: Range<Int>
        var writes: Bool
    }
    private var touches: [Touch] = []

    /// Whether nothing has been touched yet.
    var isFresh: Bool { touches.isEmpty }

    /// Whether a barrier is needed before a dispatch with these operands; they count as touched
    /// from now on.
    mutating func needsBarrier(_ operands: [(buffer: Int, bytes: Range<Int>, access: Dispatch.Access)]) -> Bool {
        let isNeeded = operands.contains { operand in
            touches.contains { $0.buffer == operand.buffer && ($0.writes || operand.access.writes) && $0.bytes.overlaps(operand.bytes) }
        }
        if isNeeded { touches.removeAll(keepingCapacity: true) }
        for operand in operands { touches.append(Touch(buffer: operand.buffer, bytes: operand.bytes, writes: operand.access.writes)) }
        return isNeeded
    }
}
