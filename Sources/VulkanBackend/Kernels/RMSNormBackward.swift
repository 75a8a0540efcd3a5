import Graph

extension RMSNormBackward: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let width = inputs[2].columns
        let tiling = RowTiling(rows: inputs[0].rows * groupCount, width: width, device)
        return [
            Dispatch(
                "rms_norm_backward", reads: inputs, writes: outputs, definitions: hasAddend ? ["HAS_ADDEND": 1] : [:],
                specialization: tiling.specialization,
                parameters: [(inputs[0].rows * groupCount).word, groupCount.word, width.word, weightOffset.word],
                groupCount: tiling.groupCount)
        ]
    }
}
