import Graph
import Tensors

extension CachedConvolution: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { CachedConvolutionKernel(self, operands) }
}

/// A causal convolution over rows in pages of a cache.
final class CachedConvolutionKernel: Kernel {
    private let pageRows: Int
    private let (cache, weight, ranges, sequences, pages): (Matrix, Matrix, Matrix, Matrix, Matrix)
    private let y: Matrix
    private let blocks: RowBlocks

    init(_ operation: CachedConvolution, _ operands: KernelOperands) {
        pageRows = operation.pageRows
        (cache, weight, ranges) = (operands.inputs[0], operands.inputs[1], operands.inputs[2])
        (sequences, pages) = (operands.inputs[3], operands.inputs[4])
        y = operands.outputs[0]
        blocks = RowBlocks(rows: y.rows, columns: y.columns)
        super.init()
    }

    override var scratchByteCount: Int { TapSums.scratchByteCount(weight) }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let sums = TapSums(weight, workspace.scratch)
        for row in blocks.rows(of: block) {
            let (range, sequence) = (ranges.integers(row), Int(sequences.integers(row)[0]))
            let isHeld = sequence >= 0 && sequence < pages.rows
            let (first, end) = (max(0, Int(range[0])), isHeld ? min(pages.columns * pageRows, Int(range[1])) : 0)
            sums.put(into: y.address(row), y.elementType, from: cache.elementType) { tap in
                let position = end - 1 - tap
                guard position >= first else { return nil }
                let place = Int(pages.integers(sequence)[position / pageRows]) * pageRows + position % pageRows
                // A page that the cache does not have holds nothing.
                return place >= 0 && place < cache.rows ? cache.address(place) : nil
            }
        }
    }
}
