import Graph

extension RotaryEmbedding: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let half = inputs[1].columns / 2
        let units = inputs[0].columns / headWidth * (headWidth - half)
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: units, device)
        return [
            Dispatch(
                "rotary_embedding", reads: inputs, writes: outputs, definitions: isInterleaved ? ["INTERLEAVED": 1] : [:],
                specialization: tiling.specialization + [headWidth.word, half.word],
                parameters: tiling.parameters + [Float(isInverse ? -1 : 1).word], groupCount: tiling.groupCount)
        ]
    }
}
