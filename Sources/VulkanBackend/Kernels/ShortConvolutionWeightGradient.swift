import Graph

extension ShortConvolutionWeightGradient: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let dy = inputs[0]
        let tiling = ColumnTiling(rows: dy.rows, columns: dy.columns, device)
        return [
            Dispatch(
                "short_convolution_weight_gradient", reads: Array(inputs.prefix(3)), readsAndWrites: outputs,
                definitions: ["TAPS": outputs[0].columns], specialization: tiling.specialization,
                parameters: [dy.rows.word, dy.columns.word], groupCount: tiling.groupCount)
        ]
    }
}
