import Graph
import Quantization

extension Embedding: VulkanKernel {
    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        // In blocks an invocation takes eight numbers, which have their scale in common.
        let run = blocks == nil ? 1 : 8
        let tiling = ElementwiseTiling(rows: outputs[0].rows, columns: outputs[0].columns / run, device)
        let table = inputs[0]
        return stride(from: 0, to: max(1, table.rows), by: rowsAtATime(table, device)).map { start in
            let rows = start..<min(table.rows, start + rowsAtATime(table, device))
            return Dispatch(
                "embedding", reads: [table.rows(rows), inputs[1]], writes: outputs,
                definitions: blocks.map { ["BLOCKS": Int($0.number)] } ?? [:], specialization: tiling.specialization,
                parameters: tiling.parameters + [scale.word, (firstRow + start).word, rows.count.word], groupCount: tiling.groupCount)
        }
    }

    /// A table in blocks may be larger than an operand of the device.
    private func rowsAtATime(_ table: TensorReference, _ device: DeviceProfile) -> Int {
        blocks == nil ? max(1, table.rows) : BlockTiling.rowsAtATime(table, operandBytes: device.operandBytes)
    }
}
