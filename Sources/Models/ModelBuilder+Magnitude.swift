import Graph
import Quantization
import Tensors

/// Linear layers whose rows have lengths of their own (DoRA, Liu et al. 2024, arXiv:2402.09353), as
/// PEFT (0.21) computes them.
extension ModelBuilder {
    /// `(x Wᵀ + scale * (x Aᵀ) Bᵀ) * magnitude / length`, without the bias.
    ///
    /// With dropout the adapter's inputs alone are dropped, in both of its parts, as in PEFT: `(x -
    /// d) Wᵀ` is added, where `d` are these inputs.
    /// - Parameters:
    ///   - y: `x Wᵀ`.
    ///   - weight: `W`, as it lies on the device.
    mutating func withMagnitude(
        _ adapter: AdapterModule, _ name: String, _ x: ValueID, _ y: ValueID, _ weight: ValueID
    ) throws(GraphError) -> ValueID {
        let outputs = adapter.module.outputs
        guard let tensor = settings.trainables.tensor(of: adapter.keyOfMagnitude, .parameter) else {
            throw .undefinedValue(adapter.keyOfMagnitude)
        }
        let magnitude = graph.persistent(tensor)
        let inverse = try inverseLengths(adapter, name, weight)
        guard settings.dropout > 0 else {
            let sum = try adapted(adapter, name, x, y, drops: false)
            return try graph.add(ScaleColumns(), [sum, magnitude, inverse], names: [name])[0]
        }
        let input = try dropped(x, stream: adapter.stream)
        let type = graph.type(of: y).elementType
        let plain = try graph.add(
            frozenProduct(adapter.module.name, weight, inputs: adapter.module.inputs, outputs: outputs, outputType: type), [input, weight],
            names: [name])[0]
        let sum = try adapted(adapter, name, input, plain, drops: false)
        let scaled = try graph.add(ScaleColumns(), [sum, magnitude, inverse], names: [name])[0]
        let rest = try added(x, graph.add(Scale(by: -1), [input])[0])
        let product = frozenProduct(
            adapter.module.name, weight, inputs: adapter.module.inputs, outputs: outputs, hasAddend: true, outputType: type)
        return try graph.add(product, [rest, weight, scaled], names: [name])[0]
    }

    /// One over the lengths of the rows of `W + scale * B A`, `[1, outputs]`.
    ///
    /// Made outside all layers, so that recomputing a layer does not make them again.
    private mutating func inverseLengths(_ adapter: AdapterModule, _ name: String, _ weight: ValueID) throws(GraphError) -> ValueID {
        let a = try adapterMatrix(adapter.keyOfA)
        let b = try adapterMatrix(adapter.keyOfB)
        let segment = graph.currentSegment
        graph.currentSegment = nil
        defer { graph.currentSegment = segment }
        let squares = graph.persistent(
            PersistentTensor(
                key: adapter.keyOfSquares, type: TensorType(rows: 1, columns: adapter.module.outputs, .float32), kind: .constant))
        let product = frozenProduct(
            adapter.module.name, weight, inputs: adapter.module.inputs, outputs: adapter.module.outputs, outputType: .float32)
        let p = try graph.add(product, [a, weight], names: [name + ".lora_A"])[0]
        let gram = try graph.add(MatrixProduct(transposesB: true, outputType: settings.activationType), [a, a], names: [name + ".gram"])[0]
        let h = try graph.add(MatrixProduct(outputType: .float32), [b, gram], names: [name + ".lora_B"])[0]
        return try graph.add(InverseRowNorms(scale: Float(adapter.scale)), [squares, p, b, h], names: [name + ".lengths"])[0]
    }

    /// The product with a frozen weight, of which one that is stored turned lies turned back.
    private func frozenProduct(
        _ module: String, _ weight: ValueID, inputs: Int, outputs: Int, hasAddend: Bool = false, outputType: ElementType
    ) -> any Operation {
        let quantized = settings.weightFormat(module + ".weight").map { QuantizedProduct($0, outputs: outputs, inputs: inputs) }
        if let quantized, graph.type(of: weight) == quantized.weightType {
            return QuantizedProduct(
                quantized.format, outputs: outputs, inputs: inputs, hasAddend: hasAddend, outputType: outputType,
                isRowExact: settings.isRowExact)
        }
        return MatrixProduct(transposesB: true, hasAddend: hasAddend, outputType: outputType, isRowExact: settings.isRowExact)
    }
}
