import Graph

extension Attention: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = AttentionTiling(headWidth: shape.headWidth, resultCount: 1, device)
        let blocks = tiling.blocks(inputs[0].rows)
        return [
            Dispatch(
                "attention", reads: inputs, writes: outputs,
                definitions: tiling.definitions(shape).merging(hasSinks ? ["HAS_SINKS": 1] : [:]) { $1 },
                specialization: [],
                parameters: [inputs[0].rows.word, blocks.word, inputs[1].rows.word, shape.scale.word, shape.softCap.word],
                groupCount: blocks * shape.headCount)
        ]
    }
}
