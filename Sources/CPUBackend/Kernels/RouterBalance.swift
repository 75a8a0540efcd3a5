import Glibc
import Graph

extension RouterBalance: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { RouterBalanceKernel(self, operands) }
}

/// Counts and sums of shares: of blocks of rows first, then those in their order.
final class RouterBalanceKernel: Kernel {
    private let (logits, experts, ranges, result): (Matrix, Matrix, Matrix, Matrix)
    private let addend: Matrix?
    private let rowsPerBlock: Int
    private static let blockLimit = 64

    init(_ operation: RouterBalance, _ operands: KernelOperands) {
        (logits, experts, ranges, result) = (operands.inputs[0], operands.inputs[1], operands.inputs[2], operands.outputs[0])
        addend = operation.hasAddend ? operands.inputs[3] : nil
        rowsPerBlock = max(32, (logits.rows + Self.blockLimit - 1) / Self.blockLimit)
        super.init()
    }

    private var partCount: Int { (logits.rows + rowsPerBlock - 1) / rowsPerBlock }
    private var stride: Int { RowBuffer.byteCount(2 * logits.columns) / 4 }

    override var phaseCount: Int { 2 }
    override var sharedByteCount: Int { partCount * stride * 4 }
    override func blockCount(_ phase: Int) -> Int { phase == 0 ? partCount : 1 }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let (parts, count) = (workspace.shared.assumingMemoryBound(to: Float.self), logits.columns)
        if phase == 0 {
            let (choices, shares) = (parts + block * stride, parts + block * stride + count)
            choices.update(repeating: 0, count: 2 * count)
            for row in block * rowsPerBlock..<min(logits.rows, (block + 1) * rowsPerBlock) {
                guard RouterShares.isToken(ranges, row) else { continue }
                for column in 0..<experts.columns {
                    let expert = Int(experts.integers(row)[column])
                    if expert >= 0, expert < count { choices[expert] += 1 }
                }
                let (largest, sum) = RouterShares.softmax(logits.floats(row), count)
                for expert in 0..<count { shares[expert] += expf(logits.floats(row)[expert] - largest) / sum }
            }
            return
        }
        for row in 0..<2 {
            for expert in 0..<count {
                var sum = addend?.floats(row)[expert] ?? 0
                for part in 0..<partCount { sum += parts[part * stride + row * count + expert] }
                result.floats(row)[expert] = sum
            }
        }
    }
}

/// Shares of the softmax over all logits of a row.
enum RouterShares {
    /// Whether a row is a token: it sees some key.
    @inline(__always) static func isToken(_ ranges: Matrix, _ row: Int) -> Bool { ranges.integers(row)[1] > ranges.integers(row)[0] }

    @inline(__always) static func softmax(_ logits: UnsafePointer<Float>, _ count: Int) -> (largest: Float, sum: Float) {
        var largest = logits[0]
        for index in 1..<max(1, count) { largest = max(largest, logits[index]) }
        var sum: Float = 0
        for index in 0..<count { sum += expf(logits[index] - largest) }
        return (largest, sum)
    }
}
