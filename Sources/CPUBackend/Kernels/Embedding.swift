import Graph
import Tensors

extension Embedding: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        EmbeddingKernel(self, table: operands.inputs[0], tokens: operands.inputs[1], y: operands.outputs[0])
    }
}

/// `y[t, :] = scale * table[tokens[t], :]`; tokens outside the piece of the table are left out.
final class EmbeddingKernel: Kernel {
    private let scale: Float
    private let firstRow: Int
    private let (table, tokens, y): (Matrix, Matrix, Matrix)
    /// The table's rows where they are no numbers.
    private let rows: BlockRows?
    private let blocks: RowBlocks

    init(_ operation: Embedding, table: Matrix, tokens: Matrix, y: Matrix) {
        scale = operation.scale
        firstRow = operation.firstRow
        (self.table, self.tokens, self.y) = (table, tokens, y)
        rows = operation.blocks.map { BlockRows($0, table) }
        blocks = RowBlocks(rows: y.rows, columns: y.columns)
    }

    override var scratchByteCount: Int { 2 * RowBuffer.byteCount(y.columns) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var buffers = RowBuffer(workspace.scratch, columns: y.columns)
        let (tableBuffer, yBuffer) = (buffers.next(), buffers.next())
        let columns = y.columns
        for row in blocks.rows(of: block) {
            let token = Int(tokens.integers(row)[0]) - firstRow
            guard token >= 0, token < table.rows else { continue }
            let source = numbers(of: token, tableBuffer)
            let target = y.rowTarget(row, yBuffer)
            var i = 0
            while i + 16 <= columns {
                store(load(source + i) * scale, target + i)
                i += 16
            }
            if i < columns { storePart(loadPart(source + i, columns - i) * scale, target + i, columns - i) }
            y.finishRow(row, target)
        }
    }

    @inline(__always) private func numbers(of token: Int, _ buffer: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
        guard let rows else { return table.row(token, buffer) }
        rows.unpack(token..<token + 1, as: .float32, to: UnsafeMutableRawPointer(buffer), stride: 0, room: buffer)
        return buffer
    }
}
