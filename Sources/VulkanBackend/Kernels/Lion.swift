import Graph

extension Lion: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let state = Array(outputs.prefix(3))
        let tiling = ElementwiseTiling(rows: state[0].rows, columns: state[0].columns, flattening: state, device)
        guard state == Array(inputs.prefix(3)) else { throw .badOperand(operation: name, reason: "its state is not updated in place") }
        let numbers = [beta1, beta2, Self.rest(beta1), Self.rest(beta2), weightDecay]
        var dispatch = Dispatch(
            "lion", reads: Array(inputs.suffix(2)), specialization: tiling.specialization,
            parameters: tiling.parameters + numbers.map(\.word), groupCount: tiling.groupCount)
        dispatch.operands.insert(contentsOf: state.map { Dispatch.Operand(reference: $0, access: .readWrite) }, at: 0)
        return [dispatch]
    }

    /// `1 - beta` from the decimal number that was meant: the difference of float32 numbers has few
    /// correct digits.
    private static func rest(_ beta: Float) -> Float { Float(1 - (Double("\(beta)") ?? Double(beta))) }
}
