import Graph

extension ClipFactor: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        ClipFactorKernel(self, sums: operands.inputs[0], result: operands.outputs[0])
    }
}

/// The global norm and the factor that clips it; a handful of numbers, so one block in double
/// precision.
final class ClipFactorKernel: Kernel {
    private let maximumNorm: Float
    private let sums: Matrix
    private let result: Matrix

    init(_ operation: ClipFactor, sums: Matrix, result: Matrix) {
        maximumNorm = operation.maximumNorm
        self.sums = sums
        self.result = result
    }

    override func blockCount(_ phase: Int) -> Int { 1 }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        var sum = 0.0
        for row in 0..<sums.rows { sum += Double(sums.floats(row)[0]) }
        let norm = sum.squareRoot()
        let target = result.floats(0)
        target[0] = Float(norm)
        // Written so that a norm which is not a number gives such a factor.
        let factor = Double(maximumNorm) / (norm + 1e-6)
        target[1] = maximumNorm > 0 ? Float(factor > 1 ? 1 : factor) : 1
    }
}
