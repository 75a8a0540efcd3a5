import Graph

extension ScaleColumns: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, device)
        return [
            Dispatch(
                "scale_columns", reads: inputs, writes: outputs, specialization: tiling.specialization, parameters: tiling.parameters,
                groupCount: tiling.groupCount)
        ]
    }
}
