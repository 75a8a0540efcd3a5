import Graph

extension Multiply: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, flattening: inputs + outputs, device)
        return [
            Dispatch(
                "multiply", reads: inputs, writes: outputs, specialization: tiling.specialization, parameters: tiling.parameters,
                groupCount: tiling.groupCount)
        ]
    }
}
