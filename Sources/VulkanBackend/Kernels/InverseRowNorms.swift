import Graph

extension InverseRowNorms: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, device)
        return [
            Dispatch(
                "inverse_row_norms", reads: inputs, writes: outputs, specialization: tiling.specialization,
                parameters: tiling.parameters + [inputs[1].rows.word, scale.word], groupCount: tiling.groupCount)
        ]
    }
}
