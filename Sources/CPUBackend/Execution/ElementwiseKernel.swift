import Tensors

/// A kernel that computes each element of its outputs from the same element of its inputs.
/// Subclasses compute a run of float32 numbers.
///
/// Operands in float32 are read and written where they are; others pass through the thread's
/// scratch in pieces that stay in the nearest cache.
class ElementwiseKernel: Kernel {
    let inputs: [Matrix]
    let outputs: [Matrix]
    private let tiling: Tiling
    private let isPlain: Bool

    private static let piece = 1_024

    init(inputs: [Matrix], outputs: [Matrix]) {
        self.inputs = inputs
        self.outputs = outputs
        let all = inputs + outputs
        isPlain = all.allSatisfy { $0.elementType == .float32 }
        let (rows, columns) = (outputs.first?.rows ?? 0, outputs.first?.columns ?? 0)
        tiling = Tiling(
            rows: rows, columns: columns, isContiguous: all.allSatisfy(\.isContiguous), tileElements: Tiling.elements(of: rows * columns))
    }

    override var scratchByteCount: Int { (inputs.count + outputs.count) * (Self.piece * 4) + 64 * 8 }
    override func blockCount(_ phase: Int) -> Int { tiling.count }

    /// Computes `count` numbers; inputs come first in `operands`, outputs after them. An output may
    /// be the memory of the input that its operation allows.
    func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {}

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let columns = tiling.columns(of: block)
        let pieceLength = isPlain ? columns.count : Self.piece
        let operands = workspace.scratch.assumingMemoryBound(to: UnsafeMutablePointer<Float>.self)
        let buffers = (workspace.scratch + 64 * 8).assumingMemoryBound(to: Float.self)
        for row in tiling.rows(of: block) {
            var column = columns.lowerBound
            while column < columns.upperBound {
                let count = min(pieceLength, columns.upperBound - column)
                var buffer = buffers
                var index = 0
                for input in inputs {
                    if input.elementType == .float32 {
                        operands[index] = input.floats(row, column)
                    } else {
                        RowConversion.widen(input.address(row, column), input.elementType, to: buffer, count: count)
                        operands[index] = buffer
                    }
                    buffer += Self.piece
                    index += 1
                }
                for output in outputs {
                    operands[index] = output.elementType == .float32 ? output.floats(row, column) : buffer
                    buffer += Self.piece
                    index += 1
                }
                compute(operands, count: count)
                index = inputs.count
                for output in outputs {
                    if output.elementType != .float32 {
                        RowConversion.narrow(operands[index], to: output.address(row, column), output.elementType, count: count)
                    }
                    index += 1
                }
                column += count
            }
        }
    }
}
