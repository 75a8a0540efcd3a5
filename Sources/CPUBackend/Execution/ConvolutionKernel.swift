import Tensors

/// A kernel that convolves each column with its taps. Subclasses say where the rows lie that a row
/// sums up.
class ConvolutionKernel: Kernel {
    private let (weight, y): (Matrix, Matrix)
    private let sourceType: ElementType
    private let blocks: RowBlocks

    init(weight: Matrix, from sourceType: ElementType, to y: Matrix) {
        (self.weight, self.sourceType, self.y) = (weight, sourceType, y)
        blocks = RowBlocks(rows: y.rows, columns: y.columns)
        super.init()
    }

    /// The row that a tap of a row's sum is multiplied by; nil: there is none.
    func place(_ row: Int, _ tap: Int) -> UnsafeMutableRawPointer? { nil }

    final override var scratchByteCount: Int { TapSums.scratchByteCount(weight) }
    final override func blockCount(_ phase: Int) -> Int { blocks.count }

    final override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let sums = TapSums(weight, workspace.scratch)
        for row in blocks.rows(of: block) {
            sums.put(into: y.address(row), y.elementType, from: sourceType) { place(row, $0) }
        }
    }
}
