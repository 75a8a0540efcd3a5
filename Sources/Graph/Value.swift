import Tensors

/// Names a value of one graph.
package struct ValueID: Sendable, Hashable, Comparable {
    package let index: Int

    init(_ index: Int) { self.index = index }

    package static func < (left: ValueID, right: ValueID) -> Bool { left.index < right.index }
}

/// Something that a program computes or is given.
package struct Value: Sendable {
    package let id: ValueID
    package let name: String
    package let type: TensorType
    package let role: Role

    package enum Role: Sendable, Hashable {
        /// Computed by a node, gone when its last reader has run.
        case temporary
        /// Written by the host before the program runs.
        case input
        /// Computed by a node, read by the host after the program has run.
        case output
        /// Lives as long as the job, in the tensor of ``PersistentTensor`` with this key: weights,
        /// parameters, gradients, optimizer state.
        case persistent(key: String)
    }
}
