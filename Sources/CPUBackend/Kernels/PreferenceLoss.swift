import Glibc
import Graph

extension PreferenceLoss: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { PreferenceLossKernel(self, inputs: operands.inputs, outputs: operands.outputs) }
}

/// The loss of pairs of answers and its slopes, segment by segment in double precision: there are a
/// few of them.
final class PreferenceLossKernel: Kernel {
    private let operation: PreferenceLoss
    private let (losses, begins, ends, others): (Matrix, Matrix, Matrix, Matrix)
    private let (numbers, batch): (Matrix, Matrix)
    private let (loss, slopes): (Matrix, Matrix)
    private static let segmentsPerBlock = 64

    init(_ operation: PreferenceLoss, inputs: [Matrix], outputs: [Matrix]) {
        self.operation = operation
        (losses, begins, ends, others) = (inputs[0], inputs[1], inputs[2], inputs[3])
        (numbers, batch) = (inputs[4], inputs[5])
        (loss, slopes) = (outputs[0], outputs[1])
    }

    override func blockCount(_ phase: Int) -> Int { (losses.rows + Self.segmentsPerBlock - 1) / Self.segmentsPerBlock }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        for place in block * Self.segmentsPerBlock..<min(losses.rows, (block + 1) * Self.segmentsPerBlock) {
            let (value, slope) = result(place)
            loss.floats(place)[0] = Float(value)
            slopes.floats(place)[0] = Float(slope)
        }
    }

    /// What is known of one answer.
    private struct Answer {
        var sum = 0.0
        var count = 1.0
        var reference = 0.0

        var gain: Double { sum - reference }
        var mean: Double { sum / count }
        /// `log(p / (1 - p))` of a token's mean probability, and one less that probability.
        var rest: Double { max(-expm1(mean), 1e-6) }
        var logOdds: Double { mean - log(rest) }
    }

    private func answer(_ place: Int) -> Answer {
        guard place >= 0, place < losses.rows else { return Answer() }
        let rows = max(0, Int(begins.integers(place)[0]))..<min(losses.rows, max(0, Int(ends.integers(place)[0])))
        guard !rows.isEmpty else { return Answer() }
        let sum = rows.reduce(0.0) { $0 - Double(losses.floats($1)[0]) }
        return Answer(sum: sum, count: Double(rows.count), reference: Double(numbers.floats(place)[0]))
    }

    private func result(_ place: Int) -> (loss: Double, slope: Double) {
        guard begins.integers(place)[0] >= 0, ends.integers(place)[0] > begins.integers(place)[0] else { return (0, 0) }
        let row = numbers.floats(place)
        let (side, likelihood, weight) = (Double(row[1]), Double(row[2]), Double(row[3]))
        let ratio = Double(batch.floats(0)[0])
        guard side != 0 else { return (0, likelihood * ratio) }
        let own = answer(place)
        let (value, slope) = operation.form == .kto ? single(own, side) : pair(own, answer(Int(others.integers(place)[0])), side)
        return (side > 0 || operation.form == .kto ? value * weight : 0, likelihood * ratio - slope * weight)
    }

    /// A pair's loss, and its derivative by the sum of `own`.
    private func pair(_ own: Answer, _ other: Answer, _ side: Double) -> (Double, Double) {
        let beta = Double(operation.beta)
        switch operation.form {
        case .sigmoid:
            let x = beta * side * (own.gain - other.gain)
            let smoothing = Double(operation.smoothing)
            let value = (1 - smoothing) * softplus(-x) + smoothing * softplus(x)
            return (value, side * beta * (smoothing * sigmoid(x) - (1 - smoothing) * sigmoid(-x)))
        case .ipo:
            let x = side * (own.gain / own.count - other.gain / other.count) - 1 / (2 * beta)
            return (x * x, side * 2 * x / own.count)
        case .ipoSum:
            let x = side * (own.gain - other.gain) - 1 / (2 * beta)
            return (x * x, side * 2 * x)
        case .simpo:
            let x = beta * side * (own.mean - other.mean) - Double(operation.gamma)
            return (softplus(-x), -side * beta * sigmoid(-x) / own.count)
        case .orpo:
            let x = side * (own.logOdds - other.logOdds)
            return (beta * softplus(-x), -side * beta * sigmoid(-x) / (own.rest * own.count))
        case .kto: return (0, 0)
        }
    }

    private func single(_ own: Answer, _ side: Double) -> (Double, Double) {
        let beta = Double(operation.beta)
        let weight = Double(side > 0 ? operation.desirable : operation.undesirable)
        let x = side * beta * (own.gain - Double(batch.floats(0)[1]))
        return (weight * sigmoid(-x), -side * weight * beta * sigmoid(x) * sigmoid(-x))
    }

    private func sigmoid(_ x: Double) -> Double { x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)) }
    /// `log(1 + e^x)`.
    private func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }
}
