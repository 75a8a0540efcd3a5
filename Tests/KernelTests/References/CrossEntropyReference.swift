import Graph
import Tensors

enum CrossEntropyReference: KernelReference {
    static func outputs(_ operation: CrossEntropy, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (logits, targets) = (inputs[0], inputs[1])
        let lossScale = inputs[2].number(0)
        var loss = Expected(rows: logits.rows, columns: 1) { _, _ in 0 }
        var correct = loss
        var gradient = Expected(rows: logits.rows, columns: logits.columns) { _, _ in 0 }
        for row in 0..<logits.rows {
            let target = targets.integer(row)
            if target < 0 { continue }
            var slopes: [Bounded] = []
            let z = (0..<logits.columns).map { column in
                let logit = logits.number(row, column)
                guard operation.softCap != 0 else { return logit }
                let curve = Bounded.hyperbolicTangent(logit / Bounded(operation.softCap))
                slopes.append(1 - curve * curve)
                return Bounded(operation.softCap) * curve
            }
            let largest = z.map(\.value).max() ?? 0
            let weights = z.map { Bounded.exponential($0 - Bounded(largest)) }
            let total = Bounded.sum(weights)
            let logSum = Bounded(largest) + .logarithm(total)
            let (smoothing, squared) = (Bounded(operation.smoothing), Bounded(operation.squaredSum))
            loss[row, 0] = logSum - z[target]
            if operation.isExtended {
                let mean = Bounded.sum(z) / Bounded(Double(logits.columns))
                loss[row, 0] = logSum - (1 - smoothing) * z[target] - smoothing * mean + squared * logSum * logSum
            }
            // What counts are the logits: the cap changes no order, but may make equal what is not.
            let logitRow = Array(logits.row(row))
            correct[row, 0] = Bounded(logitRow.firstIndex(of: logitRow.max() ?? 0) == target ? 1 : 0)
            for column in 0..<logits.columns {
                var slope = weights[column] / total
                // A kernel may scale its sum whenever it meets a larger logit.
                slope.error += slope.value * 64 * Bounded.roundoff
                if operation.isExtended {
                    slope = slope * (1 + 2 * squared * logSum) - smoothing / Bounded(Double(logits.columns))
                    if column == target { slope = slope - (1 - smoothing) }
                } else if column == target {
                    slope = slope - 1
                }
                if operation.softCap != 0 { slope = slope * slopes[column] }
                gradient[row, column] = slope * lossScale
            }
        }
        return operation.gradientType == nil ? [loss, correct] : [loss, correct, gradient]
    }

    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, _ type: ElementType, ties: Bool = false) -> [Operand] {
        let logits =
            ties
            ? random.operand(rows, columns, type) { _, _, random in Double(random.next() % 4) }
            : random.numbers(rows, columns, type, in: -9...9)
        return [
            logits,
            random.targets(of: logits), random.operand(1, 1, .float32) { _, _, _ in ElementType.float32.stored(1.0 / 37) },
        ]
    }

    static var cases: [KernelCase] {
        let sizes = [(1, 1), (1, 65), (7, 512), (65, 63), (5, 1031), (3, 5003)]
        let types: [(ElementType, ElementType?)] = [
            (.float32, nil), (.float32, .float32), (.bfloat16, .bfloat16), (.float16, .float16), (.float32, .bfloat16),
            (.bfloat16, .float32),
        ]
        let plain = sizes.flatMap { rows, columns in
            types.flatMap { logits, gradient in
                [Float(0), 30].map { cap in
                    test(
                        "\(rows)x\(columns) \(logits) gradient \(gradient.map(\.rawValue) ?? "none") cap \(cap)",
                        activations: Set([logits] + (gradient.map { [$0] } ?? [])), CrossEntropy(softCap: cap, gradientType: gradient)
                    ) { inputs(&$0, rows, columns, logits) }
                }
            }
        }
        return plain + extended + [
            test("equal logits", CrossEntropy(gradientType: .float32)) { inputs(&$0, 40, 99, .float32, ties: true) }
        ]
    }

    private static var extended: [KernelCase] {
        let additions: [(smoothing: Float, squared: Float)] = [(0.1, 0), (0, 1e-2), (0.2, 1e-3)]
        let kinds: [(cap: Float, type: ElementType)] = [(0, .float32), (30, .float32), (0, .bfloat16)]
        var cases: [KernelCase] = []
        for (rows, columns) in [(7, 512), (5, 1031), (3, 5003)] {
            for (smoothing, squared) in additions {
                for (cap, type) in kinds {
                    let operation = CrossEntropy(softCap: cap, gradientType: type, smoothing: smoothing, squaredSum: squared)
                    let name = "\(rows)x\(columns) \(type) cap \(cap) smoothing \(smoothing), squared sum \(squared)"
                    cases.append(test(name, activations: [type], operation) { inputs(&$0, rows, columns, type) })
                }
            }
        }
        return cases
    }

    static var timings: [KernelCase] {
        [(1024, 512), (128, 49152)].map { rows, columns in
            test("\(rows)x\(columns)", CrossEntropy(gradientType: .float32)) { inputs(&$0, rows, columns, .float32) }
        }
    }
}
