import Graph

extension DistillationLoss: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = RowTiling(rows: inputs[0].rows, width: inputs[0].columns, device)
        var definitions: [String: Int] = [:]
        if softCap != 0 { definitions["HAS_CAP"] = 1 }
        if guideCap != 0 { definitions["HAS_GUIDE_CAP"] = 1 }
        return [
            Dispatch(
                "distillation_loss", reads: inputs, writes: outputs, definitions: definitions, specialization: tiling.specialization,
                parameters: [
                    inputs[0].rows.word, inputs[0].columns.word, min(inputs[0].columns, inputs[1].columns).word, temperature.word,
                    share.word, softCap.word, guideCap.word,
                ],
                groupCount: tiling.groupCount)
        ]
    }
}
