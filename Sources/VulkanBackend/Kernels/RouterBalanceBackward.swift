import Graph

extension RouterBalanceBackward: VulkanKernel {
    func dispatches(
        _ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile
    ) throws(VulkanError) -> [Dispatch] {
        let size = ExpertTiling.size(device)
        return [
            Dispatch(
                "router_balance_backward", reads: inputs, writes: outputs, specialization: [UInt32(size)],
                parameters: [inputs[1].rows.word, inputs[1].columns.word], groupCount: (inputs[1].rows + size - 1) / size)
        ]
    }
}
