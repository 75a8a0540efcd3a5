import Tensors

/// One kernel call of a plan: an operation with the place of every operand.
public struct KernelCall: Sendable {
    public var operation: any Operation
    public var inputs: [TensorReference]
    public var outputs: [TensorReference]
    /// The index of the graph's node that this call computes, or a piece of it.
    public var node: Int

    public init(operation: any Operation, inputs: [TensorReference], outputs: [TensorReference], node: Int) {
        self.operation = operation
        self.inputs = inputs
        self.outputs = outputs
        self.node = node
    }
}

/// A program ready for any backend: kernel calls in order, every tensor's place, and the memory that is needed.
public struct Plan: Sendable {
    public var calls: [KernelCall]
    /// Bytes of each block of the arena.
    public var transientBlocks: [Int]
    /// Bytes of each block of the exchange memory.
    public var exchangeBlocks: [Int]
    /// Where the host writes before a run.
    public var inputs: [String: TensorReference]
    /// Where the host reads after a run.
    public var outputs: [String: TensorReference]
    /// The arithmetic and memory traffic of one run.
    public var cost: Cost

    public init(
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

    public var transientByteCount: Int { transientBlocks.reduce(0, +) }
    public var exchangeByteCount: Int { exchangeBlocks.reduce(0, +) }
}
