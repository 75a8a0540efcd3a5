import Graph

extension CachedConvolution: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, device)
        return [
            Dispatch(
                "cached_convolution", reads: inputs, writes: outputs, definitions: ["TAPS": inputs[1].columns, "PAGE_ROWS": pageRows],
                specialization: tiling.specialization,
                parameters: tiling.parameters + [inputs[4].rows.word, inputs[4].columns.word, inputs[0].rows.word],
                groupCount: tiling.groupCount)
        ]
    }
}
