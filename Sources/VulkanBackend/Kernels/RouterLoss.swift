import Graph

extension RouterLoss: VulkanKernel {
    func dispatches(
        _ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile
    ) throws(VulkanError) -> [Dispatch] {
        [
            Dispatch(
                "router_loss", reads: inputs, writes: outputs, specialization: [1],
                parameters: [inputs[0].columns.word, coefficient.word, count.word], groupCount: 1)
        ]
    }
}
