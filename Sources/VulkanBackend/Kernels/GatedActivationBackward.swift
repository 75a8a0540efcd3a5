import Graph

extension GatedActivationBackward: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, flattening: inputs + outputs, device)
        return [
            Dispatch(
                "gated_activation_backward", reads: inputs, writes: outputs, definitions: function.definitions,
                specialization: tiling.specialization, parameters: tiling.parameters, groupCount: tiling.groupCount)
        ]
    }
}
