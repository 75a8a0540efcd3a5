package import Graph

/// Gradient descent with momentum, as PyTorch computes it; see ``SGD``.
package struct SGDOptimizer: Optimizer, Hashable {
    package static let name = "sgd"
    package var momentum = 0.9
    /// 1 for Nesterov's form, 0 for the plain one.
    package var nesterov = 0.0
    package var weightDecay = 0.0
    package var maximumGradientNorm = 1.0

    package init() {}

    package static var keys: [String: WritableKeyPath<Self, Double>] {
        ["momentum": \.momentum, "nesterov": \.nesterov, "weight_decay": \.weightDecay, "max_grad_norm": \.maximumGradientNorm]
    }

    package var states: [String] { ["velocities"] }

    /// Learning rate, and three numbers that fill up.
    package func scalars(step: Int, learningRate: Double) -> [Float] { [Float(learningRate), 0, 0, 0] }

    package func addStep(_ page: OptimizerPage, to graph: inout Graph) throws(GraphError) -> OptimizerPage.Result {
        try page.applying(
            SGD(momentum: Float(momentum), isNesterov: nesterov != 0, weightDecay: page.isDecayed ? Float(weightDecay) : 0), to: &graph)
    }
}
