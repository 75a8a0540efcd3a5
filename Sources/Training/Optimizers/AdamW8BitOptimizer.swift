import Glibc
package import Graph

/// AdamW with moments in eight bits (after Dettmers et al. 2022, arXiv:2110.02861), a quarter of
/// the memory; see ``AdamW8Bit``.
package struct AdamW8BitOptimizer: Optimizer, Hashable {
    package static let name = "adamw8bit"
    package var beta1 = 0.9
    package var beta2 = 0.999
    package var epsilon = 1e-8
    package var weightDecay = 0.01
    package var maximumGradientNorm = 1.0

    package init() {}

    package static var keys: [String: WritableKeyPath<Self, Double>] {
        [
            "beta1": \.beta1, "beta2": \.beta2, "epsilon": \.epsilon, "weight_decay": \.weightDecay,
            "max_grad_norm": \.maximumGradientNorm,
        ]
    }

    package var states: [String] { ["first_codes", "first_scales", "second_codes", "second_scales"] }
    package func shape(of state: String) -> StateShape { state.hasSuffix("codes") ? .codes : .blocks }
    package var takesWholeTensors: Bool { true }

    /// Learning rate, bias corrections of both moments, the step's number.
    package func scalars(step: Int, learningRate: Double) -> [Float] {
        [
            Float(learningRate), Float(1 - pow(beta1, Double(step))), Float(1 - pow(beta2, Double(step))),
            Float(step & 0xFF_FFFF),
        ]
    }

    package func addStep(_ page: OptimizerPage, to graph: inout Graph) throws(GraphError) -> OptimizerPage.Result {
        try page.applying(
            AdamW8Bit(
                beta1: Float(beta1), beta2: Float(beta2), epsilon: Float(epsilon), weightDecay: page.isDecayed ? Float(weightDecay) : 0),
            to: &graph)
    }
}
