import Graph

extension GatherRows: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, device)
        return [
            Dispatch(
                "gather_rows", reads: inputs, writes: outputs, specialization: tiling.specialization,
                parameters: tiling.parameters + [firstRow.word, inputs[0].rows.word], groupCount: tiling.groupCount)
        ]
    }
}
