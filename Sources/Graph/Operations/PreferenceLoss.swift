import Tensors

/// The loss of preferred and other answers, from the losses of their tokens, and its slope in each
/// of these.
///
/// A segment is a run of rows, the tokens of one answer, with `n` tokens whose losses add up to
/// `-S`: `S` is the answer's log-probability, `M = S / n` that of a token. `R` is what `S` was
/// under the reference. For a pair with `d = (S - R) - (S' - R')`, the dash marking the other
/// answer, and σ the logistic function:
///
/// - `sigmoid` (Rafailov et al. 2023, arXiv:2305.18290): `-(1 - smoothing) log σ(beta d) -
///   smoothing log σ(-beta d)`;
/// - `ipo` (Azar et al. 2023, arXiv:2310.12036): `((S - R) / n - (S' - R') / n' - 1 / (2 beta))²`;
///   `ipoSum`: `(d - 1 / (2 beta))²`;
/// - `simpo` (Meng et al. 2024, arXiv:2405.14734): `-log σ(beta (M - M') - gamma)`;
/// - `orpo` (Hong et al. 2024, arXiv:2403.07691): `-beta log σ(o - o')`, `o = M - log(1 - exp M)`;
/// - `kto` (Ethayarajh et al. 2024, arXiv:2402.01306), for answers by themselves: `desirable (1 -
///   σ(beta (S - R - baseline)))` or `undesirable (1 - σ(beta (baseline - (S - R))))`.
///
/// The likelihood of an answer may count beside: its weight times the sum of its losses, over the
/// batch's number of such tokens.
///
/// Inputs: `losses` `[r, 1]` float32; `begins`, `ends`, `others` `[r, 1]` int32: for each segment
/// its first row, the row past its last, and the other answer's segment or -1 (-1 all three in
/// places that fill up); `numbers` `[r, 4]` float32: for each segment R, its side (1 preferred or
/// desirable, -1 the other, 0 neither), the weight of its likelihood, the weight of its pair;
/// `batch` `[1, 2]` float32: what the loss is divided by over the number of tokens whose likelihood
/// counts, and the baseline. Outputs: `loss` `[r, 1]` float32, a pair's at its preferred segment,
/// without likelihoods; `slopes` `[r, 1]` float32: for each segment the derivative of the sum of
/// all losses by the loss of one of its rows.
package struct PreferenceLoss: OperationWithoutGradient {
    package static let name = "PreferenceLoss"

    package enum Form: String, Sendable, Hashable, CaseIterable {
        case sigmoid, ipo, simpo, orpo, kto
        case ipoSum = "ipo_sum"

        /// Whether the loss is of single answers, not of pairs.
        package var isOfSingleAnswers: Bool { self == .kto }
    }
    package var form: Form
    package var beta: Float
    package var smoothing: Float
    package var gamma: Float
    package var desirable: Float
    package var undesirable: Float

    package init(_ form: Form, beta: Float, smoothing: Float = 0, gamma: Float = 0, desirable: Float = 1, undesirable: Float = 1) {
        self.form = form
        self.beta = beta
        self.smoothing = smoothing
        self.gamma = gamma
        self.desirable = desirable
        self.undesirable = undesirable
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 6)
        let (column, places) = (inputs[0], TensorType(rows: inputs[0].rows, columns: 1, .int32))
        try require(column == TensorType(rows: column.rows, columns: 1, .float32), "losses are \(column), not [r, 1] float32")
        try require(inputs[1...3].allSatisfy { $0 == places }, "segments are \(inputs[1...3]), not \(places)")
        try require(
            inputs[4] == TensorType(rows: column.rows, columns: 4, .float32) && inputs[5] == TensorType(rows: 1, columns: 2, .float32),
            "numbers are \(inputs[4]) and \(inputs[5])")
        return [column, column]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(12, inputs, outputs) }
    package var attributes: String {
        var text = "\(form.rawValue) beta=\(beta)"
        if smoothing != 0 { text += " smoothing=\(smoothing)" }
        if form == .simpo { text += " gamma=\(gamma)" }
        if form == .kto { text += " desirable=\(desirable) undesirable=\(undesirable)" }
        return text
    }
}
