import Graph

extension RMSNormWeightGradient: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let width = outputs[0].columns
        let rows = inputs[0].rows * groupCount
        let tiling = ColumnTiling(rows: rows, columns: width, device)
        return [
            Dispatch(
                "rms_norm_weight_gradient", reads: Array(inputs.prefix(3)), readsAndWrites: outputs, specialization: tiling.specialization,
                parameters: [rows.word, groupCount.word, width.word], groupCount: tiling.groupCount)
        ]
    }
}
