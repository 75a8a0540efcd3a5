import Graph

extension ExpertChoice: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let size = ExpertTiling.size(device)
        return [
            Dispatch(
                "expert_choice", reads: inputs, writes: outputs,
                definitions: ["COUNT": count, "WEIGHTING": weighting.number],
                specialization: [UInt32(size)],
                parameters: [inputs[0].rows.word, inputs[0].columns.word, weighting.threshold.word],
                groupCount: (inputs[0].rows + size - 1) / size)
        ]
    }
}

/// Groups of which each invocation takes a token.
enum ExpertTiling {
    static func size(_ device: DeviceProfile) -> Int { min(device.isProcessor ? 8 : 64, device.maximumGroupInvocations) }
}
