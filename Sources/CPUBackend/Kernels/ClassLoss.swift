import Glibc
import Graph
import Tensors

extension ClassLoss: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ClassLossKernel(self, inputs: operands.inputs, outputs: operands.outputs) }
}

/// The loss of rows of logits over a few classes and its gradient, row by row in double precision:
/// there are a few rows of a few numbers.
final class ClassLossKernel: Kernel {
    private let form: ClassLoss.Form
    private let (logits, positive, lossScale): (Matrix, Matrix, Matrix)
    private let negative: Matrix?
    private let loss: Matrix
    private let gradient: Matrix?
    private let rowsPerBlock: Int

    init(_ operation: ClassLoss, inputs: [Matrix], outputs: [Matrix]) {
        form = operation.form
        (logits, positive, lossScale) = (inputs[0], inputs[1], inputs[2])
        negative = operation.form == .sigmoid ? inputs[3] : nil
        loss = outputs[0]
        gradient = operation.gradientType == nil ? nil : outputs[1]
        rowsPerBlock = max(1, 1_024 / max(1, logits.columns))
    }

    override var scratchByteCount: Int { logits.columns * 8 }
    override func blockCount(_ phase: Int) -> Int { (logits.rows + rowsPerBlock - 1) / rowsPerBlock }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let z = workspace.scratch.assumingMemoryBound(to: Float.self)
        let slopes = z + logits.columns
        for row in block * rowsPerBlock..<min(logits.rows, (block + 1) * rowsPerBlock) {
            RowConversion.widen(logits.address(row), logits.elementType, to: z, count: logits.columns)
            let sum = form == .softmax ? softmax(z, slopes, row) : sigmoid(z, slopes, row)
            loss.floats(row)[0] = Float(sum)
            guard let gradient else { continue }
            let scale = lossScale.floats(0)[0]
            for column in 0..<logits.columns { slopes[column] *= scale }
            RowConversion.narrow(slopes, to: gradient.address(row), gradient.elementType, count: logits.columns)
        }
    }

    private func softmax(_ z: UnsafePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, _ row: Int) -> Double {
        let weights = positive.floats(row)
        var largest = -Double.infinity
        for column in 0..<logits.columns { largest = max(largest, Double(z[column])) }
        var (sum, weight) = (0.0, 0.0)
        for column in 0..<logits.columns {
            sum += exp(Double(z[column]) - largest)
            weight += Double(weights[column])
        }
        let logSumExp = largest + log(sum)
        var loss = 0.0
        for column in 0..<logits.columns {
            let logShare = Double(z[column]) - logSumExp
            // A class that does not count may be as unlikely as it likes.
            if weights[column] != 0 { loss -= Double(weights[column]) * logShare }
            slopes[column] = Float(exp(logShare) * weight - Double(weights[column]))
        }
        return loss
    }

    private func sigmoid(_ z: UnsafePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, _ row: Int) -> Double {
        guard let negative else { return 0 }
        let (yes, no) = (positive.floats(row), negative.floats(row))
        var loss = 0.0
        for column in 0..<logits.columns {
            let x = Double(z[column])
            // log(1 + e^x) for either sign, and the two shares, without overflow.
            let small = exp(-abs(x))
            let rest = log1p(small)
            loss += Double(yes[column]) * (max(-x, 0) + rest) + Double(no[column]) * (max(x, 0) + rest)
            let (likely, unlikely) = (1 / (1 + small), small / (1 + small))
            let (share, counterShare) = x >= 0 ? (likely, unlikely) : (unlikely, likely)
            slopes[column] = Float(Double(no[column]) * share - Double(yes[column]) * counterShare)
        }
        return loss
    }
}
