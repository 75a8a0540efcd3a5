import Graph

extension MuonStep: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        guard inputs[0] == outputs[0] else { throw .badOperand(operation: name, reason: "its state is not updated in place") }
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, flattening: Array(inputs.prefix(2)), device)
        var dispatch = Dispatch(
            "muon_step", reads: Array(inputs.dropFirst()), specialization: tiling.specialization,
            parameters: tiling.parameters + [scale.word, weightDecay.word], groupCount: tiling.groupCount)
        dispatch.operands.insert(.init(reference: outputs[0], access: .readWrite), at: 0)
        return [dispatch]
    }
}
