import Graph

extension CachedAttention: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        // A software driver pays for every barrier; a lane there takes several keys.
        let lanes = min(device.isProcessor ? 8 : 32, device.maximumGroupInvocations)
        return [
            Dispatch(
                "cached_attention", reads: inputs, writes: outputs,
                definitions: ["PAGE_ROWS": pageRows, "WIDTH": shape.headWidth, "LANES": lanes].merging(hasSinks ? ["HAS_SINKS": 1] : [:]) {
                    $1
                },
                specialization: [],
                parameters: [
                    shape.headCount.word, shape.keyValueHeadCount.word, inputs[5].rows.word, inputs[5].columns.word, inputs[1].rows.word,
                    shape.scale.word, shape.softCap.word,
                ], groupCount: inputs[0].rows * shape.headCount)
        ]
    }
}
