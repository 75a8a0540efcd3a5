package import Quantization
package import Tensors

/// A product with a frozen weight of few bits `W` `[outputs, inputs]`: `c = x * Wᵀ + addend`, or
/// with `transposesWeight` false `c = x * W + addend`.
///
/// Inputs: `x` `[m, inputs]` (or `[m, outputs]`), the weight, optionally `addend` `[m, n]`. Output:
/// `c` `[m, n]` of `outputType`; the addend has the output's element type. A weight that was
/// quantised here is its words `[1, words]` int32 as ``QuantizedLayout`` places them; one in blocks
/// is the bytes of a GGUF file's tensor, `[outputs, bytes of a row]` uint8, and needs no alignment.
/// A weight is dequantised to the type of `x`; sums are float32. Its gradient for `x` is the other
/// product of the two, as QLoRA trains through a frozen base (Dettmers et al. 2023,
/// arXiv:2305.14314).
///
/// `isRowExact` is that of ``MatrixProduct``, for `x * Wᵀ`.
package struct QuantizedProduct: Operation {
    package static let name = "QuantizedProduct"
    package var format: WeightFormat
    /// Rows and columns of the weight.
    package var outputs: Int
    package var inputs: Int
    package var transposesWeight: Bool
    package var hasAddend: Bool
    package var outputType: ElementType
    package var isRowExact: Bool

    package init(
        _ format: WeightFormat, outputs: Int, inputs: Int, transposesWeight: Bool = true, hasAddend: Bool = false,
        outputType: ElementType = .float32, isRowExact: Bool = false
    ) {
        self.isRowExact = isRowExact
        self.format = format
        self.outputs = outputs
        self.inputs = inputs
        self.transposesWeight = transposesWeight
        self.hasAddend = hasAddend
        self.outputType = outputType
    }

    package init(
        _ format: QuantizedFormat, outputs: Int, inputs: Int, transposesWeight: Bool = true, hasAddend: Bool = false,
        outputType: ElementType = .float32, isRowExact: Bool = false
    ) {
        self.init(
            .words(format), outputs: outputs, inputs: inputs, transposesWeight: transposesWeight, hasAddend: hasAddend,
            outputType: outputType, isRowExact: isRowExact)
    }

    /// The type of the weight as products read it. Of a row that is not whole blocks a row of none.
    package var weightType: TensorType {
        switch format {
        case .words(let format): Self.wordsType(QuantizedLayout(format, elementCount: outputs * inputs))
        case .blocks(let format): TensorType(rows: outputs, columns: format.byteCount(columns: inputs) ?? 0, .uint8)
        }
    }

    /// The type of a quantised weight's words.
    package static func wordsType(_ layout: QuantizedLayout) -> TensorType { TensorType(rows: 1, columns: layout.wordCount, .int32) }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, hasAddend ? 3 : 2)
        let (k, n) = transposesWeight ? (self.inputs, outputs) : (outputs, self.inputs)
        try require(inputs[0].elementType.isFloatingPoint, "x is not floating point")
        try require(!isRowExact || transposesWeight, "only x·Wᵀ is exact by rows")
        try require(inputs[0].columns == k, "x is \(inputs[0]), the weight takes \(k) columns")
        if case .blocks(let format) = format {
            try require(
                format.byteCount(columns: self.inputs) != nil,
                "rows of \(self.inputs) are no whole blocks of \(format.rawValue), which have \(format.blockLength)")
        }
        try require(inputs[1] == weightType, "the weight is \(inputs[1]), not \(weightType)")
        let output = TensorType(rows: inputs[0].rows, columns: n, outputType)
        if hasAddend { try require(inputs[2] == output, "the addend is \(inputs[2]), the result \(output)") }
        return [output]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(2 * Double(inputs[0].columns), inputs, outputs) }

    package var inPlaceInputs: [Int: Int] { hasAddend ? [0: 2] : [:] }

    package var attributes: String {
        "x·\(format.name)[\(outputs), \(inputs)]" + (transposesWeight ? "ᵀ" : "") + (hasAddend ? " + addend" : "")
            + (isRowExact ? " exact" : "")
    }

    package func partition(inputs: [TensorType], outputs: [TensorType]) -> Partition? {
        let rows = Partition.OperandAxes("m")
        return Partition(inputs: [rows, .init()] + (hasAddend ? [rows] : []), outputs: [rows])
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        if hasAddend { try context.contribute(to: node.inputs[2], gradient) }
        let x = node.inputs[0]
        guard context.needsGradient(x) else { return }
        let words = node.inputs[1]
        let left = try context.converted(gradient, to: context.type(of: x).elementType)
        let forward = self
        try context.contribute(to: x) { context, addend, type throws(GraphError) in
            let backward = QuantizedProduct(
                forward.format, outputs: forward.outputs, inputs: forward.inputs, transposesWeight: !forward.transposesWeight,
                hasAddend: addend != nil, outputType: type)
            return try context.add(backward, [left, words] + (addend.map { [$0] } ?? []))[0]
        }
    }
}
