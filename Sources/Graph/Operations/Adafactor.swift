import Tensors

/// One step of Adafactor (Shazeer and Stern 2018, arXiv:1804.04235) on one tensor, as transformers
/// computes it; of the squares of gradients only the means of rows and of columns are kept.
///
/// With `g = factor * gradient` and `u = g² + epsilon1`: `r = decay * r + (1 - decay) * mean of u
/// over columns`, `c` likewise over rows, `U = g / (sqrt(r / mean(r)) * sqrt(c))`, divided by
/// `max(1, rms(U) / clipThreshold)` and multiplied by the step `a`, which is the rate, with
/// `scalesByParameter` times `max(epsilon2, rms(p))`. With `beta1`: `m = beta1 * m + (1 - beta1) *
/// U`, which replaces `U`. Then `p = p - a * weightDecay * p - U`. Of a tensor of one row this is
/// the form that keeps all squares. The gradient is set to zero; if the norm is not finite nothing
/// else is changed. Inputs: `parameter`, `gradient` `[m, n]`, `rows` `[m, 1]`, `columns` `[1, n]`,
/// where there is a `beta1` `momentum` `[m, n]`, `clip` `[1, 2]` (norm, factor), `scalars` `[1, n]`
/// (rate, decay), all float32. Outputs: all but the last two, in place.
package struct Adafactor: OperationWithoutGradient {
    package static let name = "Adafactor"
    package var epsilon1: Float
    package var epsilon2: Float
    package var clipThreshold: Float
    package var beta1: Float
    package var weightDecay: Float
    package var scalesByParameter: Bool

    package init(
        epsilon1: Float = 1e-30, epsilon2: Float = 1e-3, clipThreshold: Float = 1, beta1: Float = 0, weightDecay: Float = 0,
        scalesByParameter: Bool
    ) {
        self.epsilon1 = epsilon1
        self.epsilon2 = epsilon2
        self.clipThreshold = clipThreshold
        self.beta1 = beta1
        self.weightDecay = weightDecay
        self.scalesByParameter = scalesByParameter
    }

    package var hasMomentum: Bool { beta1 > 0 }
    private var stateCount: Int { hasMomentum ? 3 : 2 }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 4 + stateCount)
        let type = inputs[0]
        try require(
            type.elementType == .float32 && inputs[1] == type && (!hasMomentum || inputs[4] == type),
            "parameter and state differ: \(inputs)")
        try require(
            inputs[2] == TensorType(rows: type.rows, columns: 1, .float32)
                && inputs[3] == TensorType(rows: 1, columns: type.columns, .float32), "means are \(inputs[2]) and \(inputs[3]) for \(type)")
        return Array(inputs.prefix(2 + stateCount))
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(24, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { Dictionary(uniqueKeysWithValues: (0..<2 + stateCount).map { ($0, $0) }) }
    package var attributes: String {
        "epsilon1=\(epsilon1) epsilon2=\(epsilon2) clip=\(clipThreshold) beta1=\(beta1) weightDecay=\(weightDecay)"
            + (scalesByParameter ? " scaled" : "")
    }
}
