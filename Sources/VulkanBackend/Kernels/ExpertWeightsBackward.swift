import Graph

extension ExpertWeightsBackward: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = RowTiling(rows: inputs[0].rows, width: inputs[0].columns, device)
        return [
            Dispatch(
                "expert_weights_backward", reads: inputs, writes: outputs, definitions: ["COUNT": inputs[2].columns],
                specialization: tiling.specialization, parameters: [inputs[0].rows.word, inputs[0].columns.word],
                groupCount: tiling.groupCount)
        ]
    }
}
