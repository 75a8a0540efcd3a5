import Graph

extension EmbeddingNoise: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        // As Dropout, a run of four elements at a time.
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns / 4 + 2, device)
        return [
            Dispatch(
                "embedding_noise", reads: inputs, writes: outputs, specialization: tiling.specialization,
                parameters: tiling.parameters + [outputs[0].columns.word, firstRow.word, stream, alpha.word],
                groupCount: outputs[0].columns == 0 ? 0 : tiling.groupCount)
        ]
    }
}
