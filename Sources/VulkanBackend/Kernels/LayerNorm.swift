import Graph

extension LayerNorm: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = RowTiling(rows: inputs[0].rows, width: inputs[0].columns, isRowExact: isRowExact, device)
        return [
            Dispatch(
                "layer_norm", reads: inputs, writes: outputs, specialization: tiling.specialization,
                parameters: [inputs[0].rows.word, inputs[0].columns.word, epsilon.word], groupCount: tiling.groupCount)
        ]
    }
}
