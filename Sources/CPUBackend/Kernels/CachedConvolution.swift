import Graph
import Tensors

extension CachedConvolution: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { CachedConvolutionKernel(self, operands) }
}

/// A causal convolution over rows in pages of a cache.
final class CachedConvolutionKernel: ConvolutionKernel {
    private let pageRows: Int
    private let (cache, ranges, sequences, pages): (Matrix, Matrix, Matrix, Matrix)

    init(_ operation: CachedConvolution, _ operands: KernelOperands) {
        pageRows = operation.pageRows
        (cache, ranges) = (operands.inputs[0], operands.inputs[2])
        (sequences, pages) = (operands.inputs[3], operands.inputs[4])
        super.init(weight: operands.inputs[1], from: cache.elementType, to: operands.outputs[0])
    }

    override func place(_ row: Int, _ tap: Int) -> UnsafeMutableRawPointer? {
        let (range, sequence) = (ranges.integers(row), Int(sequences.integers(row)[0]))
        guard sequence >= 0, sequence < pages.rows else { return nil }
        let position = min(pages.columns * pageRows, Int(range[1])) - 1 - tap
        guard position >= max(0, Int(range[0])) else { return nil }
        let place = Int(pages.integers(sequence)[position / pageRows]) * pageRows + position % pageRows
        // A page that the cache does not have holds nothing.
        return place >= 0 && place < cache.rows ? cache.address(place) : nil
    }
}
