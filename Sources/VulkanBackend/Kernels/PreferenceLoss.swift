import Graph

extension PreferenceLoss: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        // How long the answers are is not known here; one of sixteen divides the rows.
        let rows = inputs[0].rows
        let tiling = RowTiling(rows: rows, width: max(1, rows / 16), device)
        let numbers = [beta, smoothing, gamma, desirable, undesirable]
        return [
            Dispatch(
                "preference_loss", reads: inputs, writes: outputs, definitions: ["FORM_\(form.rawValue.uppercased())": 1],
                specialization: tiling.specialization, parameters: [rows.word] + numbers.map(\.word), groupCount: tiling.groupCount)
        ]
    }
}
