import Graph

extension Embedding: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, device)
        return [
            Dispatch(
                "embedding", reads: inputs, writes: outputs, specialization: tiling.specialization,
                parameters: tiling.parameters + [scale.word, firstRow.word, inputs[0].rows.word], groupCount: tiling.groupCount)
        ]
    }
}
