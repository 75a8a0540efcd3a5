import Graph

extension AttentionDelta: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let width = inputs[0].columns / headCount
        let tiling = RowTiling(rows: inputs[0].rows * headCount, width: width, device)
        return [
            Dispatch(
                "attention_delta", reads: inputs, writes: outputs, specialization: tiling.specialization,
                parameters: [(inputs[0].rows * headCount).word, headCount.word, width.word], groupCount: tiling.groupCount)
        ]
    }
}
