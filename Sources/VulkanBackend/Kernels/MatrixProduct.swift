import Graph

extension MatrixProduct: VulkanKernel {
    /// The variant that serves these operands on a device.
    func variant(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) -> ProductVariant {
        let chosen = device.products[ProductKey(self, inputs, outputs)]
        // What was measured by another version of the program or the compiler may not fit any more.
        if let chosen, chosen.fits(device) { return chosen }
        return ProductVariant(unmeasured: outputs[0].rows, outputs[0].columns, device)
    }

    func products(_ inputs: [TensorReference], _ outputs: [TensorReference]) -> [ProductSample] {
        [ProductSample(self, inputs, outputs)]
    }

    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let (rows, columns) = (outputs[0].rows, outputs[0].columns)
        let inner = transposesA ? inputs[0].rows : inputs[0].columns
        let variant = variant(inputs, outputs, device)
        let across = (columns + variant.blockColumns - 1) / variant.blockColumns
        let down = (rows + variant.blockRows - 1) / variant.blockRows
        var definitions = variant.definitions
        if transposesA { definitions["TRANSPOSES_A"] = 1 }
        if transposesB { definitions["TRANSPOSES_B"] = 1 }
        if hasAddend { definitions["HAS_ADDEND"] = 1 }
        var dispatch = Dispatch(
            variant.shader, reads: inputs, writes: outputs, definitions: definitions, specialization: [],
            parameters: [rows.word, columns.word, inner.word, across.word, scale.word], groupCount: across * down)
        if variant.matrix != nil { dispatch.subgroupSize = variant.subgroup }
        return [dispatch]
    }
}
