import Graph

extension ExpertSum: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns, device)
        return [
            Dispatch(
                "expert_sum", reads: inputs, writes: outputs,
                definitions: ["COUNT": inputs[1].columns].merging(hasAddend ? ["HAS_ADDEND": 1] : [:]) { $1 },
                specialization: tiling.specialization, parameters: tiling.parameters, groupCount: tiling.groupCount)
        ]
    }
}
