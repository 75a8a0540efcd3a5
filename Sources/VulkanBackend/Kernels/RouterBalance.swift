import Graph

extension RouterBalance: VulkanKernel {
    /// An invocation for each expert, which walks over all rows.
    func dispatches(
        _ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile
    ) throws(VulkanError) -> [Dispatch] {
        let size = min(device.isProcessor ? 4 : 16, device.maximumGroupInvocations)
        return [
            Dispatch(
                "router_balance", reads: inputs, writes: outputs, definitions: hasAddend ? ["HAS_ADDEND": 1] : [:],
                specialization: [UInt32(size)],
                parameters: [inputs[0].rows.word, inputs[0].columns.word, inputs[1].columns.word],
                groupCount: (inputs[0].columns + size - 1) / size)
        ]
    }
}
