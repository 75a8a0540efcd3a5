import Tensors

/// How the weights of the experts that a token has chosen follow from its logits.
package enum ExpertWeighting: Sendable, Hashable {
    /// The softmax over the chosen logits alone: also what the softmax over all gives when the
    /// chosen shares are divided by their sum.
    case overChosen
    /// The shares that the softmax over all gives the chosen ones.
    case overAll
    /// One after the other: the largest logit `s` of those that are left, with its share among the
    /// `j` that are left and for which `(s - s[j]) / max(|s[j]|, s)` is at most this. The
    /// evaluation form of SparseMixer (Liu et al. 2023, arXiv:2310.00811), as Phi-3.5-MoE has it.
    case among(Float)

    /// The number by which backends tell them apart.
    package var number: Int {
        switch self {
        case .overChosen: 0
        case .overAll: 1
        case .among: 2
        }
    }
    package var threshold: Float { if case .among(let threshold) = self { threshold } else { 0 } }
}

/// The experts of each token: those with its `count` largest logits, the largest first, of equal
/// ones the first; and their weights (Shazeer et al. 2017, arXiv:1701.06538).
///
/// Input: `logits` `[t, experts]` float32. Outputs: `weights` `[t, count]` float32, `experts` `[t,
/// count]` int32. Whatever the logits are, a row's experts are different ones.
///
/// How rows of different experts live in a plan, whose shapes are fixed: each token has a place for
/// each expert that it has chosen, `t * count` in all, and where an expert's rows are is known when
/// the program runs. ``ExpertOrder`` numbers these places by expert; ``ExpertRows`` puts a token's
/// row in each of its places; ``GroupedProduct`` multiplies the rows of each expert, which lie
/// together, with that expert's weight, and finds them by the offsets that ``ExpertOrder`` has
/// left; ``ExpertSum`` adds up each token's rows. Nothing has the size of tokens times experts, but
/// the logits.
package struct ExpertChoice: Operation {
    package static let name = "ExpertChoice"
    package var count: Int
    package var weighting: ExpertWeighting

    /// Experts of a token, and of a layer, at most.
    package static let countLimit = 32
    package static let expertLimit = 1024

    package init(count: Int, weighting: ExpertWeighting = .overChosen) {
        self.count = count
        self.weighting = weighting
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 1)
        try require(inputs[0].elementType == .float32, "logits are \(inputs[0]), not float32")
        try require(
            count > 0 && count <= min(inputs[0].columns, Self.countLimit) && inputs[0].columns <= Self.expertLimit,
            "\(count) experts of \(inputs[0].columns)")
        return [
            TensorType(rows: inputs[0].rows, columns: count, .float32), TensorType(rows: inputs[0].rows, columns: count, .int32),
        ]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        var cost = Cost.elementwise(0, inputs, outputs)
        cost.floatingPointOperations = Double(inputs[0].elementCount)
        return cost
    }
    package var attributes: String { "count=\(count) \(weighting)" }
    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        Partition(inputs: [.init("t")], outputs: [.init("t"), .init("t")])
    }

    /// The gradient goes through the weights, not through the choice.
    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        let operation = ExpertChoiceBackward(weighting)
        let operands = [gradient, context.saved(node.outputs[0]), context.saved(node.outputs[1]), context.saved(node.inputs[0])]
        try context.contribute(to: node.inputs[0], context.add(operation, operands)[0])
    }
}
