import Graph

extension ScatterRows: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        var dispatches: [Dispatch] = []
        let parameters = [firstRow.word, outputs[0].rows.word]
        if !hasBase {
            let whole = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, device)
            dispatches.append(
                Dispatch(
                    "scatter_rows", reads: inputs, writes: outputs, definitions: ["CLEARS": 1], specialization: whole.specialization,
                    parameters: whole.parameters + parameters, groupCount: whole.groupCount))
        } else if inputs[2] != outputs[0] {
            dispatches += try Convert(to: outputs[0].elementType).dispatches([inputs[2]], outputs, device)
        }
        let rows = ElementwiseTiling(rows: inputs[0].rows, columns: inputs[0].columns, device)
        dispatches.append(
            Dispatch(
                "scatter_rows", reads: Array(inputs.prefix(2)), writes: outputs, specialization: rows.specialization,
                parameters: rows.parameters + parameters, groupCount: rows.groupCount))
        return dispatches
    }
}
