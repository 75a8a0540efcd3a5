import Graph

extension ClipFactor: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = RowTiling(rows: 1, width: inputs[0].rows, device)
        return [
            Dispatch(
                "clip_factor", reads: inputs, writes: outputs, specialization: [UInt32(tiling.lanes), UInt32(tiling.lanes)],
                parameters: [inputs[0].rows.word, maximumNorm.word], groupCount: 1)
        ]
    }
}
