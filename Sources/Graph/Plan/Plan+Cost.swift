extension KernelCall {
    /// Arithmetic and memory traffic of this call.
    /// - Parameter visiblePairs: pairs of a query and a key that it sees, in all; nil: half of all
    ///   pairs, as in one example that fills the rows.
    package func cost(visiblePairs: Double?) -> Cost {
        let (inputs, outputs) = (inputs.map(\.type), outputs.map(\.type))
        guard let visiblePairs else { return operation.cost(inputs: inputs, outputs: outputs) }
        return operation.cost(inputs: inputs, outputs: outputs, visiblePairs: visiblePairs)
    }

    /// Attributes and operands' types, for example `a·bᵀ [1024, 576] bfloat16, [1536, 576]
    /// bfloat16`.
    package var signature: String {
        let types = inputs.map { $0.type.description }.joined(separator: ", ")
        return operation.attributes.isEmpty ? types : "\(operation.attributes) \(types)"
    }
}

extension Plan {
    /// The arithmetic and memory traffic of one run over a batch with so many visible pairs of a
    /// query and a key.
    package func cost(visiblePairs: Double?) -> Cost { calls.reduce(.zero) { $0 + $1.cost(visiblePairs: visiblePairs) } }
}
