import Graph
import Tensors

enum ClassLossReference: KernelReference {
    static func outputs(_ operation: ClassLoss, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (logits, positive, lossScale) = (inputs[0], inputs[1], inputs[2].number(0))
        var loss = Expected(rows: logits.rows, columns: 1) { _, _ in 0 }
        var gradient = Expected(rows: logits.rows, columns: logits.columns) { _, _ in 0 }
        for row in 0..<logits.rows {
            let z = (0..<logits.columns).map { logits.number(row, $0) }
            let weights = (0..<logits.columns).map { positive.number(row, $0) }
            switch operation.form {
            case .softmax:
                let largest = Bounded(z.map(\.value).max() ?? 0)
                let shares = z.map { Bounded.exponential($0 - largest) }
                let (total, weight) = (Bounded.sum(shares), Bounded.sum(weights))
                loss[row, 0] = weight * .logarithm(total) - .sum(zip(weights, z).map { $0 * ($1 - largest) })
                for column in z.indices {
                    var share = shares[column] / total
                    share.error += share.value * 64 * Bounded.roundoff
                    gradient[row, column] = (share * weight - weights[column]) * lossScale
                }
            case .sigmoid:
                let others = (0..<logits.columns).map { inputs[3].number(row, $0) }
                let terms = z.indices.map { column in
                    let rest = Bounded.logarithm(1 + .exponential(Bounded(-abs(z[column].value), error: z[column].error)))
                    return weights[column] * (Bounded(max(-z[column].value, 0)) + rest)
                        + others[column] * (Bounded(max(z[column].value, 0)) + rest)
                }
                loss[row, 0] = .sum(terms)
                for column in z.indices {
                    gradient[row, column] = (others[column] * .sigmoid(z[column]) - weights[column] * .sigmoid(-z[column])) * lossScale
                }
            }
        }
        return operation.gradientType == nil ? [loss] : [loss, gradient]
    }

    /// Every third row has weights of nothing, as rows that fill up have.
    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, _ type: ElementType, _ form: ClassLoss.Form) -> [Operand] {
        func weights(_ random: inout CaseRandom) -> Operand {
            random.operand(rows, columns, .float32) { row, column, random in
                ElementType.float32.stored(row % 3 == 2 || random.next() % 2 == 0 ? 0 : Double(1 + random.next() % 7) / 4)
            }
        }
        let logits = random.numbers(rows, columns, type, in: -9...9)
        let positive = weights(&random)
        let scale = random.operand(1, 1, .float32) { _, _, _ in ElementType.float32.stored(1.0 / 7) }
        return [logits, positive, scale] + (form == .sigmoid ? [weights(&random)] : [])
    }

    static var cases: [KernelCase] {
        let sizes = [(1, 1), (1, 2), (6, 4), (64, 3), (65, 67), (5, 1031)]
        let types: [(ElementType, ElementType?)] = [(.float32, nil), (.float32, .float32), (.float32, .bfloat16), (.bfloat16, .bfloat16)]
        return ClassLoss.Form.allCases.flatMap { form in
            sizes.flatMap { rows, columns in
                types.map { logits, gradient in
                    test(
                        "\(form) \(rows)x\(columns) \(logits) gradient \(gradient.map(\.rawValue) ?? "none")",
                        activations: Set([logits] + (gradient.map { [$0] } ?? [])), ClassLoss(form, gradientType: gradient)
                    ) { inputs(&$0, rows, columns, logits, form) }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [
            test("64x16", ClassLoss(.softmax, gradientType: .float32)) { inputs(&$0, 64, 16, .float32, .softmax) }
        ]
    }
}
