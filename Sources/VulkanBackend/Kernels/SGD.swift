import Graph

extension SGD: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let state = Array(outputs.prefix(3))
        let tiling = ElementwiseTiling(rows: state[0].rows, columns: state[0].columns, flattening: state, device)
        guard state == Array(inputs.prefix(3)) else { throw .badOperand(operation: name, reason: "its state is not updated in place") }
        let numbers = [momentum.word, weightDecay.word, (isNesterov ? 1 : 0).word]
        var dispatch = Dispatch(
            "sgd", reads: Array(inputs.suffix(2)), specialization: tiling.specialization, parameters: tiling.parameters + numbers,
            groupCount: tiling.groupCount)
        dispatch.operands.insert(contentsOf: state.map { Dispatch.Operand(reference: $0, access: .readWrite) }, at: 0)
        return [dispatch]
    }
}
