import Graph

extension Dropout: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        // A run of four elements has one counter; where a row does not begin with one, its first
        // run is shared with the row before.
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns / 4 + 2, device)
        let threshold = (Double(rate) * 0x1p32).rounded(.up)
        return [
            Dispatch(
                "dropout", reads: inputs, writes: outputs, specialization: tiling.specialization,
                parameters: tiling.parameters + [
                    outputs[0].columns.word, firstRow.word, stream, UInt32(clamping: Int64(threshold)), (1 / (1 - rate)).word,
                ], groupCount: outputs[0].columns == 0 ? 0 : tiling.groupCount)
        ]
    }
}
