import Tensors

/// One kind of computation, with its attributes; the kernels of a backend are written for each.
///
/// Operations are pure: outputs depend on inputs alone. Inputs and outputs are matrices in
/// row-major order; a backend receives each as a
/// ``TensorReference``, which may be a slice of a larger matrix (`rowStride` >= `columns`).
package protocol Operation: Sendable {
    /// The word that names this operation everywhere: in plans, backends, shaders, tests.
    static var name: String { get }

    /// The types of the outputs for inputs of these types.
    /// - Throws: ``GraphError`` where the inputs do not fit.
    func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType]

    /// Arithmetic and memory traffic of one run. Where the arithmetic depends on how many keys the
    /// queries see, half of all pairs are assumed, as in one example that fills the rows.
    func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost

    /// The same with a known number of pairs of a query and a key that it sees; other operations
    /// cost what they always cost.
    func cost(inputs: [TensorType], outputs: [TensorType], visiblePairs: Double) -> Cost

    /// For each output that may or must be computed in the memory of an input: the index of that
    /// input.
    ///
    /// A kernel named here must be right when the two are the same memory: it reads each element
    /// before it writes it, and no element is read after a different thread may have written it.
    var inPlaceInputs: [Int: Int] { get }

    /// The attributes as a plan's text shows them, for example `epsilon=1e-05`.
    var attributes: String { get }

    /// How the operation may be split by rows of its operands; nil where it must run whole.
    func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition?

    /// Adds to the graph what computes the gradients of the inputs that need one.
    /// ``Differentiation`` calls this only where an output has a gradient, and refuses a rule that
    /// leaves an output's gradient unread or an input that needs one without.
    func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError)

    /// How the operands lie in one another where no kernel runs; nil for operations with a kernel.
    var view: OperandView? { get }

    /// Whether the first output is cheaper to compute a second time in the backward pass than to
    /// keep: one pass over operands that are kept anyway.
    var isCheapToRecompute: Bool { get }

    /// Whether the output is the input in another element type. The gradient of a trained tensor's
    /// copy goes to the float32 original.
    var isConversion: Bool { get }

    /// Whether what is computed counts as a constant: nothing is differentiated through it, and its
    /// operands get no gradient from it.
    var stopsGradients: Bool { get }

    /// Whether this is a product that matrix units compute where its operands' types allow it, and
    /// that may run tile by tile together with other products of the same result
    /// (``ProductChains``).
    var isMatrixProduct: Bool { get }

    /// The input that is added to what the operation computes, where there is one.
    var addendInput: Int? { get }
}

extension Operation {
    package var name: String { Self.name }
    package var inPlaceInputs: [Int: Int] { [:] }
    package var attributes: String { "" }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? { nil }
    package func cost(inputs: [TensorType], outputs: [TensorType], visiblePairs: Double) -> Cost { cost(inputs: inputs, outputs: outputs) }
    package var view: OperandView? { nil }
    package var isCheapToRecompute: Bool { false }
    package var isConversion: Bool { false }
    package var stopsGradients: Bool { false }
    package var isMatrixProduct: Bool { false }
    package var addendInput: Int? { nil }
}

/// An operation through which nothing is differentiated: the gradients of others, the loss, the
/// optimizer.
package protocol OperationWithoutGradient: Operation {}

extension OperationWithoutGradient {
    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        throw .notDifferentiable(operation: name)
    }
}

/// An operation applied to values.
package struct Node: Sendable {
    package var operation: any Operation
    package var inputs: [ValueID]
    package var outputs: [ValueID]
    /// The layer this node belongs to; layers are what the planner may compute a second time in the
    /// backward pass. Nil: none.
    package var segment: Int?
}

/// Arithmetic and memory traffic: floating-point operations (a multiply-add counts two), bytes
/// read, bytes written.
package struct Cost: Sendable, Hashable {
    package var floatingPointOperations: Double
    package var bytesRead: Double
    package var bytesWritten: Double

    package init(floatingPointOperations: Double, bytesRead: Double, bytesWritten: Double) {
        self.floatingPointOperations = floatingPointOperations
        self.bytesRead = bytesRead
        self.bytesWritten = bytesWritten
    }

    package static let zero = Cost(floatingPointOperations: 0, bytesRead: 0, bytesWritten: 0)

    package static func + (left: Cost, right: Cost) -> Cost {
        Cost(
            floatingPointOperations: left.floatingPointOperations + right.floatingPointOperations,
            bytesRead: left.bytesRead + right.bytesRead, bytesWritten: left.bytesWritten + right.bytesWritten)
    }

    /// The cost of an operation that reads and writes every operand once and does this many
    /// operations for each output element.
    static func elementwise(_ operationsPerElement: Double, _ inputs: [TensorType], _ outputs: [TensorType]) -> Cost {
        Cost(
            floatingPointOperations: operationsPerElement * Double(outputs.first?.elementCount ?? 0),
            bytesRead: Double(inputs.reduce(0) { $0 + $1.byteCount }), bytesWritten: Double(outputs.reduce(0) { $0 + $1.byteCount }))
    }
}
