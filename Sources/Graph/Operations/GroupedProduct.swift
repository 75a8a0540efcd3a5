package import Quantization
package import Tensors

/// Products of rows with the weight of the group that they belong to: `c[p, :] = scale * x[p, :] *
/// op(W(g)) + addend[p, :]` for every row `p` of group `g`, where `op` transposes or not.
///
/// Rows of a group lie together: those of group `g` from `offsets[g]` to `offsets[g + 1]`. A group
/// may have no row, or all. In a mixture of experts a group is an expert; rows that belong to
/// different adapters of one layer are the same thing, sorted by adapter.
///
/// Inputs: `x` `[rows, inputs]` (or `[rows, outputs]` where the weight is not transposed), the
/// weights one below the other, `offsets` `[groups + 1, 1]` int32, ascending from 0 to `rows`,
/// optionally `addend` `[rows, n]`. Output: `c` `[rows, n]` of `outputType`; the addend has the
/// output's element type; sums are float32. Weights are numbers `[groups * outputs, inputs]` of the
/// type of `x`, or of a narrower one beside float32 where the device can mix them; or of few bits,
/// as ``QuantizedProduct`` takes a single one of `groups * outputs` rows.
///
/// The work is counted as that of the rows that there are: of a mixture's experts those that are
/// active. `isRowExact` is that of ``MatrixProduct``, for `x * Wᵀ`.
package struct GroupedProduct: Operation {
    package static let name = "GroupedProduct"
    package var groupCount: Int
    /// Rows and columns of one weight.
    package var outputs: Int
    package var inputs: Int
    /// Nil: the weights are numbers.
    package var format: WeightFormat?
    package var transposesWeight: Bool
    package var scale: Float
    package var hasAddend: Bool
    package var outputType: ElementType
    package var isRowExact: Bool

    package init(
        groupCount: Int, outputs: Int, inputs: Int, format: WeightFormat? = nil, transposesWeight: Bool = true, scale: Float = 1,
        hasAddend: Bool = false, outputType: ElementType = .float32, isRowExact: Bool = false
    ) {
        (self.groupCount, self.outputs, self.inputs, self.format) = (groupCount, outputs, inputs, format)
        (self.transposesWeight, self.scale, self.hasAddend) = (transposesWeight, scale, hasAddend)
        (self.outputType, self.isRowExact) = (outputType, isRowExact)
    }

    /// The type of weights of few bits; nil for numbers.
    package var weightType: TensorType? {
        format.map { QuantizedProduct($0, outputs: groupCount * outputs, inputs: inputs).weightType }
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasAddend ? 4 : 3)
        let (k, n) = transposesWeight ? (self.inputs, outputs) : (outputs, self.inputs)
        try require(groupCount > 0 && outputs > 0 && self.inputs > 0, "\(groupCount) weights [\(outputs), \(self.inputs)]")
        try require(inputs[0].elementType.isFloatingPoint && inputs[0].columns == k, "x is \(inputs[0]), a weight takes \(k) columns")
        try require(!isRowExact || transposesWeight, "only x·Wᵀ is exact by rows")
        if let format, let weightType {
            if case .blocks(let blocks) = format {
                try require(
                    blocks.byteCount(columns: self.inputs) != nil, "rows of \(self.inputs) are no whole blocks of \(blocks.rawValue)")
            }
            try require(inputs[1] == weightType, "the weights are \(inputs[1]), not \(weightType)")
        } else {
            try require(
                inputs[1].elementType.isFloatingPoint && inputs[1].rows == groupCount * outputs && inputs[1].columns == self.inputs,
                "the weights are \(inputs[1]), not \(groupCount) of [\(outputs), \(self.inputs)]")
        }
        try require(inputs[2] == TensorType(rows: groupCount + 1, columns: 1, .int32), "offsets are \(inputs[2])")
        let output = TensorType(rows: inputs[0].rows, columns: n, outputType)
        if hasAddend { try require(inputs[3] == output, "the addend is \(inputs[3]), the result \(output)") }
        return [output]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        var cost = Cost.elementwise(2 * Double(inputs[0].columns), inputs, outputs)
        // Of the weights no more are read than there are rows.
        let unread = 1 - Double(min(groupCount, inputs[0].rows)) / Double(max(1, groupCount))
        cost.bytesRead -= unread * Double(inputs[1].byteCount)
        return cost
    }

    package var inPlaceInputs: [Int: Int] { hasAddend ? [0: 3] : [:] }

    package var attributes: String {
        let weight = format.map { $0.name } ?? "W"
        return (scale == 1 ? "" : "\(scale)·") + "x·\(weight)[\(groupCount)x\(outputs), \(inputs)]" + (transposesWeight ? "ᵀ" : "")
            + (hasAddend ? " + addend" : "") + (isRowExact ? " exact" : "")
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        if hasAddend { try context.contribute(to: node.inputs[3], gradient) }
        let (x, weight, offsets) = (node.inputs[0], context.saved(node.inputs[1]), context.saved(node.inputs[2]))
        let forward = self
        if context.needsGradient(x) {
            let left = try context.converted(gradient, to: context.type(of: x).elementType)
            try context.contribute(to: x) { context, addend, type throws(GraphError) in
                var backward = forward
                backward.transposesWeight = !forward.transposesWeight
                (backward.hasAddend, backward.outputType, backward.isRowExact) = (addend != nil, type, false)
                return try context.add(backward, [left, weight, offsets] + (addend.map { [$0] } ?? []))[0]
            }
        }
        if context.needsGradient(node.inputs[1]) {
            guard transposesWeight, format == nil else { throw .notDifferentiable(operation: name + " with respect to such weights") }
            let right = try context.factor(x)
            let left = try context.converted(gradient, to: context.type(of: right).elementType)
            try context.contribute(to: node.inputs[1]) { context, addend, type throws(GraphError) in
                let operation = GroupedWeightGradient(groupCount: forward.groupCount, scale: forward.scale, hasAddend: addend != nil)
                let sum = try context.add(operation, [left, right, offsets] + (addend.map { [$0] } ?? []))[0]
                return try context.converted(sum, to: type)
            }
        }
    }
}
