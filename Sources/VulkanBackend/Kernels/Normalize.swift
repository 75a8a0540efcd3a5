import Graph

extension Normalize: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ElementwiseTiling(
            rows: outputs[0].rows, columns: outputs[0].columns, flattening: [inputs[0], outputs[0]], device)
        return [
            Dispatch(
                "normalize", reads: inputs, writes: outputs, specialization: tiling.specialization, parameters: tiling.parameters,
                groupCount: tiling.groupCount)
        ]
    }
}
