import Graph

extension ShortConvolutionBackward: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, device)
        return [
            Dispatch(
                "short_convolution_backward", reads: inputs, writes: outputs, definitions: ["TAPS": inputs[1].columns],
                specialization: tiling.specialization, parameters: tiling.parameters, groupCount: tiling.groupCount)
        ]
    }
}
