import Graph

extension EmbeddingBackward: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let size = min(device.isProcessor ? 8 : 64, device.maximumGroupInvocations)
        // Groups for each block of columns, so that narrow tables fill the device, too; each walks
        // over all tokens.
        let classes = device.isProcessor ? 4 : 32
        return [
            Dispatch(
                "embedding_backward", reads: Array(inputs.prefix(2)), readsAndWrites: outputs,
                specialization: [UInt32(size), UInt32(classes)],
                parameters: [inputs[0].rows.word, inputs[0].columns.word, scale.word, firstRow.word, outputs[0].rows.word],
                groupCount: (inputs[0].columns + size - 1) / size * classes)
        ]
    }
}
