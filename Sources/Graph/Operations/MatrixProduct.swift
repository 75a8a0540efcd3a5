package import Tensors

/// `c = scale * op(a) * op(b) + addend`, where `op` transposes its matrix or not.
///
/// Inputs: `a` `[m, k]` (or `[k, m]` with `transposesA`), `b` `[k, n]` (or `[n, k]` with
/// `transposesB`), optionally `addend` `[m, n]`. Output: `c` `[m, n]` of `outputType`; sums are
/// float32. The addend has the output's element type. `a` and `b` have one element type, or float32
/// and a narrower stored weight where the device can mix them.
///
/// With `isRowExact` every sum runs over `k` in an order that `k`, the types and the device alone
/// decide: no bit of a row of `c` depends on how many rows there are or what they hold. Only for
/// `a·bᵀ`.
package struct MatrixProduct: Operation {
    package static let name = "MatrixProduct"
    package var transposesA: Bool
    package var transposesB: Bool
    package var scale: Float
    package var hasAddend: Bool
    package var outputType: ElementType
    package var isRowExact: Bool

    package init(
        transposesA: Bool = false, transposesB: Bool = false, scale: Float = 1, hasAddend: Bool = false, outputType: ElementType = .float32,
        isRowExact: Bool = false
    ) {
        self.isRowExact = isRowExact
        self.transposesA = transposesA
        self.transposesB = transposesB
        self.scale = scale
        self.hasAddend = hasAddend
        self.outputType = outputType
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasAddend ? 3 : 2)
        let (m, kA) = transposesA ? (inputs[0].columns, inputs[0].rows) : (inputs[0].rows, inputs[0].columns)
        let (n, kB) = transposesB ? (inputs[1].rows, inputs[1].columns) : (inputs[1].columns, inputs[1].rows)
        try require(kA == kB, "the inner sizes of \(inputs[0]) and \(inputs[1]) differ: \(kA) and \(kB)")
        try require(inputs[0].elementType.isFloatingPoint && inputs[1].elementType.isFloatingPoint, "operands are not floating point")
        try require(!isRowExact || (!transposesA && transposesB), "only a·bᵀ is exact by rows")
        let output = TensorType(rows: m, columns: n, outputType)
        if hasAddend { try require(inputs[2] == output, "the addend is \(inputs[2]), the result \(output)") }
        return [output]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        let k = transposesA ? inputs[0].rows : inputs[0].columns
        return .elementwise(2 * Double(k), inputs, outputs)
    }

    package var inPlaceInputs: [Int: Int] { hasAddend ? [0: 2] : [:] }
    /// Chains add to what lies in memory, one product behind the other: not in an exact order.
    package var isMatrixProduct: Bool { !isRowExact }
    package var addendInput: Int? { hasAddend ? 2 : nil }

    package var attributes: String {
        var parts = [transposesA ? "aᵀ" : "a", transposesB ? "bᵀ" : "b"]
        if scale != 1 { parts.insert("\(scale)", at: 0) }
        return parts.joined(separator: "·") + (hasAddend ? " + addend" : "") + (isRowExact ? " exact" : "")
    }

    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let a = transposesA ? Partition.OperandAxes("k", "m") : Partition.OperandAxes("m", "k")
        let b = transposesB ? Partition.OperandAxes("n", "k") : Partition.OperandAxes("k", "n")
        let c = Partition.OperandAxes("m", "n")
        if isRowExact { return Partition(inputs: [.init("m"), .init()] + (hasAddend ? [.init("m")] : []), outputs: [.init("m")]) }
        var accumulating = self
        accumulating.hasAddend = true
        let next = accumulating
        return Partition(inputs: [a, b] + (hasAddend ? [c] : []), outputs: [c], reduced: ["k"], accumulatorInput: 2) { axis, _, isFirst in
            axis == "k" && !isFirst ? next : nil
        }
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        if hasAddend { try context.contribute(to: node.inputs[2], gradient) }
        let (a, b) = (node.inputs[0], node.inputs[1])
        // A stored weight may be narrower than what it is multiplied with; the activation's type is
        // the one that products are computed from.
        let activationType = context.type(of: a).elementType
        // d(op(a)) = scale * dc * op(b)ᵀ
        if context.needsGradient(a) {
            let other = context.saved(b)
            let left = try context.converted(gradient, to: activationType)
            let (transposesA, transposesB, scale) = (transposesA, transposesB, scale)
            try context.contribute(to: a) { context, addend, type throws(GraphError) in
                let operation =
                    transposesA
                    ? MatrixProduct(transposesA: transposesB, transposesB: true, scale: scale, hasAddend: addend != nil, outputType: type)
                    : MatrixProduct(transposesA: false, transposesB: !transposesB, scale: scale, hasAddend: addend != nil, outputType: type)
                let operands = transposesA ? [other, left] : [left, other]
                return try context.add(operation, operands + (addend.map { [$0] } ?? []))[0]
            }
        }
        // d(op(b)) = scale * op(a)ᵀ * dc
        if context.needsGradient(b) {
            let other = try context.factor(a)
            let right = try context.converted(gradient, to: activationType)
            let (transposesA, transposesB, scale) = (transposesA, transposesB, scale)
            try context.contribute(to: b) { context, addend, type throws(GraphError) in
                let operation =
                    transposesB
                    ? MatrixProduct(transposesA: true, transposesB: transposesA, scale: scale, hasAddend: addend != nil, outputType: type)
                    : MatrixProduct(transposesA: !transposesA, transposesB: false, scale: scale, hasAddend: addend != nil, outputType: type)
                let operands = transposesB ? [right, other] : [other, right]
                return try context.add(operation, operands + (addend.map { [$0] } ?? []))[0]
            }
        }
    }
}
