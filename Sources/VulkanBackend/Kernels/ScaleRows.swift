import Graph

extension ScaleRows: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, device)
        return [
            Dispatch(
                "scale_rows", reads: inputs, writes: outputs, definitions: hasPlaces ? ["HAS_PLACES": 1] : [:],
                specialization: tiling.specialization,
                parameters: tiling.parameters + [inputs[1].rows.word], groupCount: tiling.groupCount)
        ]
    }
}
