package import Tensors

/// The state of reverse-mode differentiation: which values have which gradients, while nodes are
/// visited from the last to the first.
///
/// Gradients appear only where a trained tensor needs them. A gradient that several readers
/// contribute to is summed in place where the operation can add
/// (``MatrixProduct``, ``RMSNormBackward``, all accumulating ones) and by ``Add`` elsewhere.
/// Gradients of trained tensors go straight into their accumulators.
///
/// No gradient is dropped in silence: a rule that does not read the gradient of an output, or gives
/// none to an input that needs one, is an error that names its operation.
package struct Differentiation {
    private var graph: Graph
    private var gradients: [ValueID: ValueID] = [:]
    private var needed: [Bool]
    private let layout: TrainableLayout
    /// In the backward pass, a value of a recomputed layer is read from its second computation.
    private var recomputed: [ValueID: ValueID] = [:]
    private var conversions: [ValueID: [ElementType: ValueID]] = [:]
    private var convertedFrom: [ValueID: ValueID] = [:]
    /// The nodes whose results are cheaper to compute again than to keep: one pass over operands
    /// that are kept anyway.
    private var cheapNodes: [ValueID: Node] = [:]
    /// Of the node that is being differentiated: outputs whose gradients its rule has read, and
    /// inputs that it has contributed to.
    private var readGradients: Set<ValueID> = []
    private var contributions: Set<ValueID> = []

    /// The graph with its backward pass: gradients of everything that `seeds` depend on and that is
    /// trained in `layout` are added to the accumulators.
    ///
    /// - Parameters:
    ///   - nodeCount: the nodes to differentiate are the first of the graph; what stands behind
    ///     them (a loss) has given the seeds.
    ///   - seeds: values and their gradients, which the graph already computes.
    ///   - recomputedSegments: layers whose values are computed a second time instead of being
    ///     kept.
    /// - Throws: ``GraphError/notDifferentiable(operation:)``.
    package static func backward(
        of graph: Graph, nodeCount: Int, seeds: [(value: ValueID, gradient: ValueID)], layout: TrainableLayout,
        recomputedSegments: Set<Int> = []
    ) throws(GraphError) -> Graph {
        var context = Differentiation(graph, nodeCount: nodeCount, layout: layout)
        let nodes = Array(graph.nodes.prefix(nodeCount))
        for (value, gradient) in seeds { try context.contribute(to: value, gradient) }
        var entered: Set<Int> = []
        for node in nodes.reversed() {
            guard node.outputs.contains(where: { context.gradients[$0] != nil }) else { continue }
            context.graph.currentSegment = node.segment
            if let segment = node.segment, recomputedSegments.contains(segment), entered.insert(segment).inserted {
                try context.recompute(nodes.filter { $0.segment == segment })
            }
            try context.differentiate(node)
        }
        context.graph.currentSegment = nil
        context.graph.removeDeadNodes()
        return context.graph
    }

    private mutating func differentiate(_ node: Node) throws(GraphError) {
        (readGradients, contributions) = ([], [])
        try node.operation.differentiate(node, in: &self)
        for (index, output) in node.outputs.enumerated() where gradients[output] != nil && !readGradients.contains(output) {
            throw .notDifferentiable(operation: "output \(index) of \(node.operation.name)")
        }
        for (index, input) in node.inputs.enumerated() where needsGradient(input) && !contributions.contains(input) {
            throw .notDifferentiable(operation: "\(node.operation.name) with respect to operand \(index)")
        }
    }

    private init(_ graph: Graph, nodeCount: Int, layout: TrainableLayout) {
        self.graph = graph
        self.layout = layout
        let trained = Set(layout.parameters.map(\.key) + layout.stacks.map(\.key))
        needed = graph.values.map { value in
            if case .persistent(let key) = value.role { trained.contains(key) } else { false }
        }
        for node in graph.nodes.prefix(nodeCount) {
            if node.operation.isConversion { convertedFrom[node.outputs[0]] = node.inputs[0] }
            if node.operation.isCheapToRecompute { cheapNodes[node.outputs[0]] = node }
            if !node.operation.stopsGradients, node.inputs.contains(where: { needed[$0.index] }) {
                for output in node.outputs where graph.type(of: output).elementType.isFloatingPoint { needed[output.index] = true }
            }
        }
    }

    package func type(of value: ValueID) -> TensorType { graph.type(of: value) }

    /// Whether a trained tensor's gradient depends on this value's.
    package func needsGradient(_ value: ValueID) -> Bool { value.index < needed.count && needed[value.index] }

    /// The gradient collected so far, complete when the node that computes the value is visited;
    /// nil if nothing depends on the value.
    package mutating func gradient(of value: ValueID) -> ValueID? {
        readGradients.insert(value)
        return gradients[value]
    }

    /// The value to read in the backward pass: itself, or its second computation.
    package func saved(_ value: ValueID) -> ValueID { recomputed[value] ?? value }

    /// The value to multiply with in the backward pass. Normalised and gated activations, a quarter
    /// of what a layer would otherwise keep, are computed again from the operands that their own
    /// gradients need; the result is the same to the bit.
    package mutating func factor(_ value: ValueID) throws(GraphError) -> ValueID {
        if let known = recomputed[value] { return known }
        guard let node = cheapNodes[value] else { return value }
        // What it is computed from may be cheap itself.
        for input in node.inputs { _ = try factor(input) }
        try recompute([node])
        return saved(value)
    }

    package func queryRanges(for keyRanges: ValueID) -> ValueID? { graph.queryRangesOfKeyRanges[keyRanges] }

    package mutating func add(_ operation: any Operation, _ inputs: [ValueID]) throws(GraphError) -> [ValueID] {
        try graph.add(operation, inputs, names: [])
    }

    /// The value in this element type, converted once however often it is asked for.
    package mutating func converted(_ value: ValueID, to elementType: ElementType) throws(GraphError) -> ValueID {
        if type(of: value).elementType == elementType { return value }
        if let known = conversions[value]?[elementType] { return known }
        let result = try add(Convert(to: elementType), [value])[0]
        conversions[value, default: [:]][elementType] = result
        return result
    }

    /// Adds a computed gradient to what a value has.
    package mutating func contribute(to value: ValueID, _ gradient: ValueID) throws(GraphError) {
        try contribute(to: value) { context, addend, elementType throws(GraphError) in
            let fitting = try context.converted(gradient, to: elementType)
            guard let addend else { return fitting }
            return try context.add(Add(), [addend, fitting])[0]
        }
    }

    /// Adds to a value's gradient by an operation that can take the sum so far as an addend.
    /// - Parameter make: given the sum so far (nil: none yet) and the element type of the gradient,
    ///   returns the new sum.
    package mutating func contribute(
        to value: ValueID,
        _ make: (inout Differentiation, _ addend: ValueID?, _ elementType: ElementType) throws(GraphError) -> ValueID
    ) throws(GraphError) {
        guard needsGradient(value) else { return }
        contributions.insert(value)
        // A trained tensor in another element type is a copy of the float32 original, whose
        // gradient is the one that counts.
        if let source = convertedFrom[value], case .persistent = graph.values[source.index].role {
            return try contribute(to: source, make)
        }
        if case .persistent(let key) = graph.values[value.index].role, let tensor = layout.tensor(of: key, .gradient) {
            let addend = gradients[value] ?? graph.persistent(tensor)
            let sum = try make(&self, addend, .float32)
            graph.store(sum, into: tensor.key)
            gradients[value] = sum
            return
        }
        gradients[value] = try make(&self, gradients[value], type(of: value).elementType)
    }

    private mutating func recompute(_ nodes: [Node]) throws(GraphError) {
        for node in nodes {
            let outputs = try add(node.operation, node.inputs.map(saved))
            for (old, new) in zip(node.outputs, outputs) { recomputed[old] = new }
        }
    }
}
