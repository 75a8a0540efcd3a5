import Glibc
package import Graph

/// Muon (Jordan et al. 2024): matrices inside of the layers move along their momentum made
/// orthogonal, by five steps of a Newton-Schulz iteration in float32; everything else, that is
/// vectors, embeddings and heads, by AdamW.
package struct MuonOptimizer: Optimizer, Hashable {
    package static let name = "muon"
    package var momentum = 0.95
    /// 1 for Nesterov's form.
    package var nesterov = 1.0
    /// 1: steps as large as AdamW's are (Liu et al. 2025, arXiv:2502.16982); 0: as first published.
    package var matchesAdamW = 1.0
    package var beta1 = 0.9
    package var beta2 = 0.999
    package var epsilon = 1e-8
    package var weightDecay = 0.1
    package var maximumGradientNorm = 1.0

    package init() {}

    package static var keys: [String: WritableKeyPath<Self, Double>] {
        [
            "momentum": \.momentum, "nesterov": \.nesterov, "match_rms_adamw": \.matchesAdamW, "beta1": \.beta1, "beta2": \.beta2,
            "epsilon": \.epsilon, "weight_decay": \.weightDecay, "max_grad_norm": \.maximumGradientNorm,
        ]
    }

    package var states: [String] { ["momenta", "second_moments"] }
    package func shape(of state: String) -> StateShape { state == "momenta" ? .asParameter : .asParameterOfOthers }
    package var takesWholeTensors: Bool { true }

    /// Learning rate, bias corrections of AdamW's moments, and one number that fills up.
    package func scalars(step: Int, learningRate: Double) -> [Float] {
        [Float(learningRate), Float(1 - pow(beta1, Double(step))), Float(1 - pow(beta2, Double(step))), 0]
    }

    package func addStep(_ page: OptimizerPage, to graph: inout Graph) throws(GraphError) -> OptimizerPage.Result {
        let decay = page.isDecayed ? Float(weightDecay) : 0
        guard page.isHiddenMatrix, let state = page.states.first else {
            return try page.applying(
                AdamW(beta1: Float(beta1), beta2: Float(beta2), epsilon: Float(epsilon), weightDecay: decay), to: &graph)
        }
        let results = try graph.add(
            MuonMomentum(momentum: Float(momentum), isNesterov: nesterov != 0), [page.gradient, state, page.clip],
            names: ["direction", "gradient", "momentum"])
        let x = try orthogonal(results[0], in: &graph)
        let type = graph.type(of: x)
        let (rows, columns) = (Double(type.rows), Double(type.columns))
        let scale = matchesAdamW != 0 ? 0.2 * max(rows, columns).squareRoot() : max(1, rows / columns).squareRoot()
        let parameter = try graph.add(
            MuonStep(scale: Float(scale), weightDecay: decay), [page.parameter, x, page.clip, page.scalars], names: ["parameter"])[0]
        return OptimizerPage.Result(parameter: parameter, gradient: results[1], states: [results[2]])
    }

    /// The coefficients of the iteration.
    private static let coefficients = (a: Float(3.4445), b: Float(-4.7750), c: Float(2.0315))

    /// A matrix with singular values near 1, and the singular vectors of the one given. Of the two
    /// products with itself that it has the smaller one is taken.
    private func orthogonal(_ direction: ValueID, in graph: inout Graph) throws(GraphError) -> ValueID {
        let sum = try graph.add(SumOfSquares(), [direction], names: ["sum of squares"])[0]
        var x = try graph.add(Normalize(), [direction, sum], names: ["x"])[0]
        let type = graph.type(of: x)
        let isTall = type.rows > type.columns
        let (a, b, c) = Self.coefficients
        for _ in 0..<5 {
            let square = try graph.add(MatrixProduct(transposesA: isTall, transposesB: !isTall), [x, x], names: ["square"])[0]
            let scaled = try graph.add(Scale(by: b), [square], names: ["scaled square"])[0]
            let factor = try graph.add(MatrixProduct(scale: c, hasAddend: true), [square, square, scaled], names: ["factor"])[0]
            let share = try graph.add(Scale(by: a), [x], names: ["scaled x"])[0]
            x = try graph.add(MatrixProduct(hasAddend: true), (isTall ? [x, factor] : [factor, x]) + [share], names: ["x"])[0]
        }
        return x
    }
}
