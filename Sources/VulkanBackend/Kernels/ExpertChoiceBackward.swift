import Graph

extension ExpertChoiceBackward: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let size = ExpertTiling.size(device)
        return [
            Dispatch(
                "expert_choice_backward", reads: inputs, writes: outputs,
                definitions: ["COUNT": inputs[0].columns, "WEIGHTING": weighting.number], specialization: [UInt32(size)],
                parameters: [inputs[3].rows.word, inputs[3].columns.word, weighting.threshold.word],
                groupCount: (inputs[3].rows + size - 1) / size)
        ]
    }
}
