import Graph

extension LayerNormWeightGradient: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ColumnTiling(rows: inputs[0].rows, columns: outputs[0].columns, device)
        return [
            Dispatch(
                "layer_norm_weight_gradient", reads: Array(inputs.prefix(3)), readsAndWrites: outputs,
                specialization: tiling.specialization, parameters: [inputs[0].rows.word, outputs[0].columns.word],
                groupCount: tiling.groupCount)
        ]
    }
}
