import Glibc
import Graph

extension Adafactor: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { AdafactorKernel(self, inputs: operands.inputs, outputs: operands.outputs) }
}

/// One step of Adafactor: the rows' means with sums over the columns of some rows, the columns'
/// means, sums of squares of the step and of the parameter, the step. Sums in double precision.
final class AdafactorKernel: Kernel {
    private let operation: Adafactor
    private let inputs: [Matrix]
    private let outputs: [Matrix]
    private let (clip, scalars): (Matrix, Matrix)
    private let (rows, columns): (Int, Int)
    private let rowsPerBlock: Int
    private let blockCount: Int
    private static let blockLimit = 64
    private static let columnsPerBlock = 1_024

    init(_ operation: Adafactor, inputs: [Matrix], outputs: [Matrix]) {
        self.operation = operation
        self.inputs = Array(inputs.dropLast(2))
        self.outputs = outputs
        (clip, scalars) = (inputs[inputs.count - 2], inputs[inputs.count - 1])
        (rows, columns) = (inputs[0].rows, inputs[0].columns)
        rowsPerBlock = max(1, 16_384 / max(1, columns), (rows + Self.blockLimit - 1) / Self.blockLimit)
        blockCount = (rows + rowsPerBlock - 1) / rowsPerBlock
    }

    override var phaseCount: Int { 4 }
    override var sharedByteCount: Int { blockCount * 8 * (columns + 2) }
    override func blockCount(_ phase: Int) -> Int {
        phase == 1 ? (columns + Self.columnsPerBlock - 1) / Self.columnsPerBlock : blockCount
    }

    private func rows(of block: Int) -> Range<Int> { block * rowsPerBlock..<min(rows, (block + 1) * rowsPerBlock) }
    private var isFinite: Bool { clip.floats(0)[0].isFinite }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let sums = workspace.shared.assumingMemoryBound(to: Double.self)
        let totals = sums + blockCount * columns
        guard isFinite else {
            if phase == 0 { leave(rows(of: block)) }
            if phase == 1 { copy(3, columns(of: block)) }
            return
        }
        switch phase {
        case 0: rowMeans(rows(of: block), sums + block * columns)
        case 1: columnMeans(columns(of: block), sums)
        case 2: squares(rows(of: block), totals + 2 * block)
        default: step(rows(of: block), totals)
        }
    }

    private func columns(of block: Int) -> Range<Int> {
        block * Self.columnsPerBlock..<min(columns, (block + 1) * Self.columnsPerBlock)
    }

    private func copy(_ index: Int, _ range: Range<Int>) {
        let (source, target) = (inputs[index].floats(0), outputs[index].floats(0))
        if source != target { for place in range { target[place] = source[place] } }
    }

    /// Leaves everything as it is but the gradient.
    private func leave(_ range: Range<Int>) {
        for row in range {
            for index in inputs.indices where index != 3 && index != 1 {
                let (source, target) = (inputs[index].floats(row), outputs[index].floats(row))
                if source != target { target.update(from: source, count: inputs[index].columns) }
            }
            outputs[1].floats(row).update(repeating: 0, count: columns)
        }
    }

    private func rowMeans(_ range: Range<Int>, _ sums: UnsafeMutablePointer<Double>) {
        let (factor, decay) = (Double(clip.floats(0)[1]), Double(scalars.floats(0)[1]))
        let epsilon = Double(operation.epsilon1)
        sums.update(repeating: 0, count: columns)
        for row in range {
            let gradient = inputs[1].floats(row)
            var sum = 0.0
            for column in 0..<columns {
                let g = factor * Double(gradient[column])
                let square = g * g + epsilon
                sum += square
                sums[column] += square
            }
            outputs[2].floats(row)[0] = Float(decay * Double(inputs[2].floats(row)[0]) + (1 - decay) * sum / Double(columns))
        }
    }

    private func columnMeans(_ range: Range<Int>, _ sums: UnsafePointer<Double>) {
        let decay = Double(scalars.floats(0)[1])
        for column in range {
            var sum = 0.0
            for block in 0..<blockCount { sum += sums[block * columns + column] }
            outputs[3].floats(0)[column] = Float(decay * Double(inputs[3].floats(0)[column]) + (1 - decay) * sum / Double(rows))
        }
    }

    private var meanOfRows: Double {
        var sum = 0.0
        for row in 0..<rows { sum += Double(outputs[2].floats(row)[0]) }
        return sum / Double(rows)
    }

    private func squares(_ range: Range<Int>, _ totals: UnsafeMutablePointer<Double>) {
        let (factor, mean, means) = (clip.floats(0)[1], meanOfRows, outputs[3].floats(0))
        var (steps, parameters) = (0.0, 0.0)
        for row in range {
            let (gradient, parameter) = (inputs[1].floats(row), inputs[0].floats(row))
            let scale = factor / Float((Double(outputs[2].floats(row)[0]) / mean).squareRoot())
            for column in 0..<columns {
                let step = Double(gradient[column] * scale / means[column].squareRoot())
                steps += step * step
                parameters += Double(parameter[column]) * Double(parameter[column])
            }
        }
        (totals[0], totals[1]) = (steps, parameters)
    }

    private func step(_ range: Range<Int>, _ totals: UnsafePointer<Double>) {
        var (steps, parameters) = (0.0, 0.0)
        for block in 0..<blockCount { (steps, parameters) = (steps + totals[2 * block], parameters + totals[2 * block + 1]) }
        let count = Double(rows) * Double(columns)
        var size = Double(scalars.floats(0)[0])
        if operation.scalesByParameter { size *= max(Double(operation.epsilon2), (parameters / count).squareRoot()) }
        let clipped = size / max(1, (steps / count).squareRoot() / Double(operation.clipThreshold))
        let decay = Float(1 - size * Double(operation.weightDecay))
        let (factor, mean, means) = (clip.floats(0)[1], meanOfRows, outputs[3].floats(0))
        let (beta1, rest1) = (operation.beta1, Float(1 - (Double("\(operation.beta1)") ?? Double(operation.beta1))))
        for row in range {
            let scale = Float(clipped) * (factor / Float((Double(outputs[2].floats(row)[0]) / mean).squareRoot()))
            let (parameter, gradient) = (inputs[0].floats(row), inputs[1].floats(row))
            let (newParameter, newGradient) = (outputs[0].floats(row), outputs[1].floats(row))
            for column in 0..<columns {
                var step = gradient[column] * scale / means[column].squareRoot()
                if operation.hasMomentum {
                    step = beta1 * inputs[4].floats(row)[column] + rest1 * step
                    outputs[4].floats(row)[column] = step
                }
                newParameter[column] = parameter[column] * decay - step
                newGradient[column] = 0
            }
        }
    }
}
