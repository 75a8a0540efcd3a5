import Graph

extension ExpertBias: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let (x, bias) = (inputs[0], inputs[1])
        let tiling = ColumnTiling(rows: x.rows, columns: x.columns, device)
        return [
            Dispatch(
                "expert_bias", reads: inputs, writes: outputs, specialization: tiling.specialization,
                parameters: [x.rows.word, x.columns.word, tiling.groupCount.word], groupCount: tiling.groupCount * bias.rows)
        ]
    }
}
