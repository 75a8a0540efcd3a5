package import Graph

/// Lion (Chen and others 2023, arXiv:2302.06675): every number moves by the learning rate, in the
/// direction of a momentum; see ``Lion``.
package struct LionOptimizer: Optimizer, Hashable {
    package static let name = "lion"
    package var beta1 = 0.9
    package var beta2 = 0.99
    package var weightDecay = 0.01
    package var maximumGradientNorm = 1.0

    package init() {}

    package static var keys: [String: WritableKeyPath<Self, Double>] {
        [
            "beta1": \.beta1, "beta2": \.beta2, "weight_decay": \.weightDecay, "max_grad_norm": \.maximumGradientNorm,
        ]
    }

    package var states: [String] { ["momenta"] }

    /// Learning rate, and three numbers that fill up.
    package func scalars(step: Int, learningRate: Double) -> [Float] { [Float(learningRate), 0, 0, 0] }

    package func addStep(_ page: OptimizerPage, to graph: inout Graph) throws(GraphError) -> OptimizerPage.Result {
        try page.applying(
            Lion(beta1: Float(beta1), beta2: Float(beta2), weightDecay: page.isDecayed ? Float(weightDecay) : 0), to: &graph)
    }
}
