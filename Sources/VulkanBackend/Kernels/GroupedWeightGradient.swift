import Graph

extension GroupedWeightGradient: VulkanKernel {
    func dispatches(_ operands: [TensorReference], _ results: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch]
    {
        let (dy, x) = (operands[0], operands[1])
        let tile = GroupedTiling(isStaged: !device.isProcessor)
        let (down, across) = ((dy.columns + tile.rows - 1) / tile.rows, (x.columns + tile.columns - 1) / tile.columns)
        return [
            Dispatch(
                "grouped_weight_gradient", reads: operands, writes: results,
                definitions: tile.definitions.merging(hasAddend ? ["HAS_ADDEND": 1] : [:]) { $1 }, specialization: [],
                parameters: [dy.columns.word, x.columns.word, down.word, across.word, x.rows.word, scale.word],
                groupCount: groupCount * down * across)
        ]
    }
}
