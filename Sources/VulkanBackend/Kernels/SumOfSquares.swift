import Graph

extension SumOfSquares: VulkanKernel {
    /// Elements that one group sums up.
    private static let groupElements = 1 << 14

    private func partialCount(_ input: TensorReference) -> Int {
        max(1, (input.rows * input.columns + Self.groupElements - 1) / Self.groupElements)
    }

    func scratchByteCount(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) -> Int {
        partialCount(inputs[0]) * 4
    }

    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let count = partialCount(inputs[0])
        let partial = TensorReference.scratch(rows: 1, columns: count)
        let lanes = UInt32(device.isProcessor ? 8 : min(256, device.maximumGroupInvocations))
        // Without gaps the matrix is one row, which spares the shader divisions.
        var matrix = inputs[0]
        if matrix.isContiguous {
            (matrix.rows, matrix.columns, matrix.rowStride) = (
                min(1, matrix.rows), matrix.rows * matrix.columns, matrix.rows * matrix.columns
            )
        }
        return [
            Dispatch(
                "sum_of_squares", reads: [matrix], writes: [partial], specialization: [lanes, lanes],
                parameters: [matrix.rows.word, matrix.columns.word, Self.groupElements.word], groupCount: count),
            Dispatch(
                "sum_of_squares", reads: [partial] + inputs.dropFirst(), writes: outputs,
                definitions: hasAddend ? ["FINISHES": 1, "HAS_ADDEND": 1] : ["FINISHES": 1], specialization: [lanes, lanes],
                parameters: [1, count.word, count.word], groupCount: 1),
        ]
    }
}
