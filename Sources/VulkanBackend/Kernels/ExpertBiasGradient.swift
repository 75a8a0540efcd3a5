import Graph

extension ExpertBiasGradient: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let dy = inputs[0]
        let tiling = ColumnTiling(rows: dy.rows, columns: dy.columns, device)
        return [
            Dispatch(
                "expert_bias_gradient", reads: [dy, inputs[1]], readsAndWrites: outputs, specialization: tiling.specialization,
                parameters: [dy.rows.word, dy.columns.word, tiling.groupCount.word], groupCount: tiling.groupCount * outputs[0].rows)
        ]
    }
}
