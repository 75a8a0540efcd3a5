import Graph

extension RouterLoss: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { RouterLossKernel(self, operands) }
}

/// A few numbers, by one thread.
final class RouterLossKernel: Kernel {
    private let operation: RouterLoss
    private let (sums, scale, loss, gradient): (Matrix, Matrix, Matrix, Matrix)

    init(_ operation: RouterLoss, _ operands: KernelOperands) {
        self.operation = operation
        (sums, scale, loss, gradient) = (operands.inputs[0], operands.inputs[1], operands.outputs[0], operands.outputs[1])
        super.init()
    }

    override func blockCount(_ phase: Int) -> Int { 1 }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let (choices, shares, count) = (sums.floats(0), sums.floats(1), sums.columns)
        var (chosen, product): (Float, Float) = (0, 0)
        for expert in 0..<count {
            chosen += choices[expert]
            product += choices[expert] * shares[expert]
        }
        // Every row has chosen as many.
        let rows = chosen / Float(operation.count)
        let factor = rows > 0 ? operation.coefficient * Float(count) / (rows * rows) : 0
        loss.floats(0)[0] = factor * product
        let slope = factor * scale.floats(0)[0]
        for expert in 0..<count {
            gradient.floats(0)[expert] = 0
            gradient.floats(1)[expert] = slope * choices[expert]
        }
    }
}
