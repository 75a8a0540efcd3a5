import Graph

extension RMSNorm: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let width = inputs[1].columns
        let tiling = RowTiling(rows: inputs[0].rows * groupCount, width: width, isRowExact: isRowExact, device)
        return [
            Dispatch(
                "rms_norm", reads: inputs, writes: outputs, specialization: tiling.specialization,
                parameters: [(inputs[0].rows * groupCount).word, groupCount.word, width.word, epsilon.word, weightOffset.word],
                groupCount: tiling.groupCount)
        ]
    }
}
