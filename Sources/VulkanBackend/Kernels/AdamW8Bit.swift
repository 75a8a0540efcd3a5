import Graph

extension AdamW8Bit: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        guard outputs == Array(inputs.prefix(6)) else { throw .badOperand(operation: name, reason: "its state is not updated in place") }
        let (rows, columns) = (inputs[0].rows, inputs[0].columns)
        let across = (columns + StateShape.blockWidth - 1) / StateShape.blockWidth
        // A lane takes a word of four numbers at a time.
        let tiling = RowTiling(rows: rows * across, width: min(columns, StateShape.blockWidth) / 4, device)
        func rest(_ beta: Float) -> Float { Float(1 - (Double("\(beta)") ?? Double(beta))) }
        let numbers = [beta1, rest(beta1), beta2, rest(beta2), epsilon, weightDecay].map(\.word)
        var dispatch = Dispatch(
            "adam_w8_bit", reads: Array(inputs.suffix(2)), specialization: tiling.specialization,
            parameters: [rows.word, columns.word, across.word] + numbers, groupCount: tiling.groupCount)
        dispatch.operands.insert(contentsOf: outputs.map { Dispatch.Operand(reference: $0, access: .readWrite) }, at: 0)
        return [dispatch]
    }
}
