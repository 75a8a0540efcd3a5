import Graph

extension MuonMomentum: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let states = Array(outputs.suffix(2))
        guard states == Array(inputs.prefix(2)) else { throw .badOperand(operation: name, reason: "its state is not updated in place") }
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, flattening: outputs, device)
        let rest = Float(1 - (Double("\(momentum)") ?? Double(momentum)))
        var dispatch = Dispatch(
            "muon_momentum", reads: [], definitions: isNesterov ? ["IS_NESTEROV": 1] : [:], specialization: tiling.specialization,
            parameters: tiling.parameters + [momentum.word, rest.word], groupCount: tiling.groupCount)
        dispatch.operands =
            states.map { .init(reference: $0, access: .readWrite) } + [
                .init(reference: inputs[2], access: .read), .init(reference: outputs[0], access: .write),
            ]
        return [dispatch]
    }
}
