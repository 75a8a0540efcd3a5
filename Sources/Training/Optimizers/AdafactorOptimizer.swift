import Glibc
package import Graph

/// Adafactor (Shazeer and Stern 2018, arXiv:1804.04235), as transformers computes it: of squared
/// gradients it keeps the means of rows and of columns; see ``Adafactor``.
package struct AdafactorOptimizer: Optimizer, Hashable {
    package static let name = "adafactor"
    package var epsilon1 = 1e-30
    package var epsilon2 = 1e-3
    package var clipThreshold = 1.0
    /// The decay of means at step t is `1 - t^decayRate`.
    package var decayRate = -0.8
    /// 0: no momentum.
    package var beta1 = 0.0
    package var weightDecay = 0.0
    /// 1: steps are relative to the size of the tensor's numbers.
    package var scalesByParameter = 1.0
    /// 1: the rate follows from the step's number alone.
    package var isRelative = 0.0
    /// 1: a relative rate begins small.
    package var warmsUp = 0.0
    package var maximumGradientNorm = 1.0

    package init() {}

    package static var keys: [String: WritableKeyPath<Self, Double>] {
        [
            "epsilon1": \.epsilon1, "epsilon2": \.epsilon2, "clip_threshold": \.clipThreshold, "decay_rate": \.decayRate,
            "beta1": \.beta1, "weight_decay": \.weightDecay, "scale_parameter": \.scalesByParameter, "relative_step": \.isRelative,
            "warmup_init": \.warmsUp, "max_grad_norm": \.maximumGradientNorm,
        ]
    }

    package var states: [String] { ["row_means", "column_means"] + (beta1 > 0 ? ["momenta"] : []) }
    package func shape(of state: String) -> StateShape {
        switch state {
        case "row_means": .rows
        case "column_means": .columns
        default: .asParameter
        }
    }
    package var takesWholeTensors: Bool { true }

    package func rate(step: Int, scheduled: Double) -> Double {
        guard isRelative != 0 else { return scheduled }
        let step = Double(max(1, step))
        return min(warmsUp != 0 ? 1e-6 * step : 1e-2, 1 / step.squareRoot())
    }

    /// Learning rate, decay of the means, and two numbers that fill up.
    package func scalars(step: Int, learningRate: Double) -> [Float] {
        [Float(learningRate), Float(1 - pow(Double(step), decayRate)), 0, 0]
    }

    package func addStep(_ page: OptimizerPage, to graph: inout Graph) throws(GraphError) -> OptimizerPage.Result {
        try page.applying(
            Adafactor(
                epsilon1: Float(epsilon1), epsilon2: Float(epsilon2), clipThreshold: Float(clipThreshold), beta1: Float(beta1),
                weightDecay: page.isDecayed ? Float(weightDecay) : 0, scalesByParameter: scalesByParameter != 0), to: &graph)
    }
}
