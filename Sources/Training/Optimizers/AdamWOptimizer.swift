import Glibc
package import Graph

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101), as PyTorch
/// computes it; see ``AdamW``.
package struct AdamWOptimizer: Optimizer, Hashable {
    package static let name = "adamw"
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

    package var states: [String] { ["first_moments", "second_moments"] }

    /// Learning rate, bias corrections of both moments, and one number that fills up.
    package func scalars(step: Int, learningRate: Double) -> [Float] {
        [Float(learningRate), Float(1 - pow(beta1, Double(step))), Float(1 - pow(beta2, Double(step))), 0]
    }

    package func addStep(_ page: OptimizerPage, to graph: inout Graph) throws(GraphError) -> OptimizerPage.Result {
        try page.applying(
            AdamW(
                beta1: Float(beta1), beta2: Float(beta2), epsilon: Float(epsilon), weightDecay: page.isDecayed ? Float(weightDecay) : 0),
            to: &graph)
    }
}
