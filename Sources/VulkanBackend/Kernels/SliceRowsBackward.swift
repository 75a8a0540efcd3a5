import Graph

extension SliceRowsBackward: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, device)
        return [
            Dispatch(
                "slice_rows_backward", reads: inputs, writes: outputs, definitions: hasAddend ? ["HAS_ADDEND": 1] : [:],
                specialization: tiling.specialization, parameters: tiling.parameters + [start.word, firstRow.word, inputs[0].rows.word],
                groupCount: tiling.groupCount)
        ]
    }
}
