import Tensors

/// One kernel call of a plan: an operation with the place of every operand.
package struct KernelCall: Sendable {
    package var operation: any Operation
    package var inputs: [TensorReference]
    package var outputs: [TensorReference]
    /// The index of the graph's node that this call computes, or a piece of it.
    package var node: Int

    package init(operation: any Operation, inputs: [TensorReference], outputs: [TensorReference], node: Int) {
        self.operation = operation
        self.inputs = inputs
        self.outputs = outputs
        self.node = node
    }
}

/// A program ready for any backend: kernel calls in order, every tensor's place, and the memory
/// that is needed.
package struct Plan: Sendable {
    package var calls: [KernelCall]
    /// Bytes of each block of the arena.
    package var transientBlocks: [Int]
    /// Bytes of each block of the exchange memory.
    package var exchangeBlocks: [Int]
    /// Where the host writes before a run.
    package var inputs: [String: TensorReference]
    /// Where the host reads after a run.
    package var outputs: [String: TensorReference]
    /// The arithmetic and memory traffic of one run.
    package var cost: Cost

    package init(
        calls: [KernelCall], transientBlocks: [Int], exchangeBlocks: [Int], inputs: [String: TensorReference],
        outputs: [String: TensorReference], cost: Cost
    ) {
        self.calls = calls
        self.transientBlocks = transientBlocks
        self.exchangeBlocks = exchangeBlocks
        self.inputs = inputs
        self.outputs = outputs
        self.cost = cost
    }

    package var transientByteCount: Int { transientBlocks.reduce(0, +) }
    package var exchangeByteCount: Int { exchangeBlocks.reduce(0, +) }
}
