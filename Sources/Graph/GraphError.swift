import Tensors

/// Why a graph or plan cannot be built.
package enum GraphError: Error, Sendable {
    /// An operation was given operands that do not fit together.
    case operandMismatch(operation: String, reason: String)
    /// A gradient is needed through an operation that has none.
    case notDifferentiable(operation: String)
    /// A tensor is larger than the device can address in one piece, and its operation cannot be
    /// split.
    case tensorTooLarge(name: String, byteCount: Int, limit: Int, operation: String)
    /// A value is read before any node computes it, or a persistent tensor was never declared.
    case undefinedValue(String)
}
