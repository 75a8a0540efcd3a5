import Graph

extension MatrixProduct: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let (rows, columns) = (outputs[0].rows, outputs[0].columns)
        let inner = transposesA ? inputs[0].rows : inputs[0].columns
        let variant = device.products[ProductKey(self, inputs, outputs)] ?? ProductVariant(unmeasured: rows, columns, device)
        let across = (columns + variant.blockColumns - 1) / variant.blockColumns
        let down = (rows + variant.blockRows - 1) / variant.blockRows
        var definitions = variant.definitions
        if transposesA { definitions["TRANSPOSES_A"] = 1 }
        if transposesB { definitions["TRANSPOSES_B"] = 1 }
        if hasAddend { definitions["HAS_ADDEND"] = 1 }
        return [
            Dispatch(
                "matrix_product", reads: inputs, writes: outputs, definitions: definitions, specialization: [],
                parameters: [rows.word, columns.word, inner.word, across.word, scale.word], groupCount: across * down)
        ]
    }
}
