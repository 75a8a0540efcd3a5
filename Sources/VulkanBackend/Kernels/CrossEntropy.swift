import Graph

extension CrossEntropy: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = RowTiling(rows: inputs[0].rows, width: inputs[0].columns, device)
        var definitions: [String: Int] = [:]
        if gradientType != nil { definitions["HAS_GRADIENT"] = 1 }
        if softCap != 0 { definitions["HAS_CAP"] = 1 }
        if isExtended { definitions["IS_EXTENDED"] = 1 }
        return [
            Dispatch(
                "cross_entropy", reads: inputs, writes: outputs, definitions: definitions, specialization: tiling.specialization,
                parameters: [inputs[0].rows.word, inputs[0].columns.word, softCap.word, smoothing.word, squaredSum.word],
                groupCount: tiling.groupCount)
        ]
    }
}
