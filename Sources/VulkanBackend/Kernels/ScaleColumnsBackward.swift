import Graph

extension ScaleColumnsBackward: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ColumnTiling(rows: inputs[0].rows, columns: inputs[0].columns, device)
        return [
            Dispatch(
                "scale_columns_backward", reads: Array(inputs.prefix(3)), readsAndWrites: outputs, specialization: tiling.specialization,
                parameters: [inputs[0].rows.word, inputs[0].columns.word], groupCount: tiling.groupCount)
        ]
    }
}
