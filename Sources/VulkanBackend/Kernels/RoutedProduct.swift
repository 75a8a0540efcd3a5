import Graph

extension RoutedProduct: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, device)
        return [
            Dispatch(
                "routed_product", reads: inputs, writes: outputs, definitions: hasAddend ? ["HAS_ADDEND": 1] : [:],
                specialization: tiling.specialization, parameters: tiling.parameters + [inputs[0].columns.word, inputs[1].rows.word],
                groupCount: tiling.groupCount)
        ]
    }
}
