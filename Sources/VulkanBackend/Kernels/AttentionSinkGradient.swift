import Graph

extension AttentionSinkGradient: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let logSumExp = inputs[1]
        let tiling = ColumnTiling(rows: logSumExp.rows, columns: logSumExp.columns, device)
        return [
            Dispatch(
                "attention_sink_gradient", reads: Array(inputs.prefix(3)), readsAndWrites: outputs,
                specialization: tiling.specialization, parameters: [logSumExp.rows.word, logSumExp.columns.word],
                groupCount: tiling.groupCount)
        ]
    }
}
