import Graph

extension ExpertOrder: VulkanKernel {
    /// A group for each expert, which walks over all choices.
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let size = min(device.isProcessor ? 8 : 128, device.maximumGroupInvocations)
        return [
            Dispatch(
                "expert_order", reads: inputs, writes: outputs, specialization: [UInt32(size)],
                parameters: [inputs[0].rows.word, inputs[0].columns.word, expertCount.word], groupCount: expertCount)
        ]
    }
}
