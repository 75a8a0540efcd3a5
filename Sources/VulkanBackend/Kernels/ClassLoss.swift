import Graph

extension ClassLoss: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = RowTiling(rows: inputs[0].rows, width: inputs[0].columns, device)
        var definitions: [String: Int] = [:]
        if form == .sigmoid { definitions["IS_SIGMOID"] = 1 }
        if gradientType != nil { definitions["HAS_GRADIENT"] = 1 }
        return [
            Dispatch(
                "class_loss", reads: inputs, writes: outputs, definitions: definitions, specialization: tiling.specialization,
                parameters: [inputs[0].rows.word, inputs[0].columns.word], groupCount: tiling.groupCount)
        ]
    }
}
