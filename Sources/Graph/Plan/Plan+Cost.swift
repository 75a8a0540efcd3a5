extension KernelCall {
    /// Arithmetic and memory traffic of this call.
    /// - Parameter visiblePairs: pairs of a query and a key that it sees, in all; nil: half of all pairs, as in one example that fills the rows.
    package func cost(visiblePairs: Double?) -> Cost {
        var cost = operation.cost(inputs: inputs.map(\.type), outputs: outputs.map(\.type))
        if let visiblePairs, operation is Attention || operation is AttentionBackward {
            let assumed = Double(inputs[0].rows) * Double(inputs[1].rows) / 2
            if assumed > 0 { cost.floatingPointOperations *= visiblePairs / assumed }
        }
        return cost
    }

    /// Attributes and operands' types, for example `a·bᵀ [1024, 576] bfloat16, [1536, 576] bfloat16`.
    package var signature: String {
        let types = inputs.map { $0.type.description }.joined(separator: ", ")
        return operation.attributes.isEmpty ? types : "\(operation.attributes) \(types)"
    }
}

extension Plan {
    /// The arithmetic and memory traffic of one run over a batch with so many visible pairs of a query and a key.
    package func cost(visiblePairs: Double?) -> Cost { calls.reduce(.zero) { $0 + $1.cost(visiblePairs: visiblePairs) } }
}
