import Graph
import Tensors

enum DistillationLossReference: KernelReference {
    static func outputs(_ operation: DistillationLoss, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (logits, guide, targets) = (inputs[0], inputs[1], inputs[2])
        let lossScale = inputs[3].number(0)
        let shared = min(logits.columns, guide.columns)
        let (temperature, share) = (Bounded(operation.temperature), Bounded(operation.share))
        var crossEntropy = Expected(rows: logits.rows, columns: 1) { _, _ in 0 }
        var (divergence, correct) = (crossEntropy, crossEntropy)
        var gradient = Expected(rows: logits.rows, columns: logits.columns) { _, _ in 0 }
        for row in 0..<logits.rows {
            let target = targets.integer(row)
            if target < 0 { continue }
            let (z, slopes) = capped(logits, row, operation.softCap)
            let w = capped(guide, row, operation.guideCap).numbers[..<shared]
            let logSum = Self.logSum(z[...], 1)
            let (studentLevel, teacherLevel) = (Self.logSum(z[..<shared], temperature), Self.logSum(w, temperature))
            var terms: [Bounded] = []
            for column in 0..<logits.columns {
                var hard = Bounded.exponential(z[column] - logSum)
                if column == target { hard = hard - 1 }
                var slope = (1 - share) * hard
                if column < shared {
                    let (own, other) = (z[column] / temperature - studentLevel, w[column] / temperature - teacherLevel)
                    let (q, p) = (Bounded.exponential(own), Bounded.exponential(other))
                    terms.append(p * (other - own))
                    slope = slope + share * temperature * (q - p)
                }
                if operation.softCap != 0 { slope = slope * slopes[column] }
                gradient[row, column] = slope * lossScale
            }
            crossEntropy[row, 0] = logSum - z[target]
            divergence[row, 0] = temperature * temperature * Bounded.sum(terms)
            let logitRow = Array(logits.row(row))
            correct[row, 0] = Bounded(logitRow.firstIndex(of: logitRow.max() ?? 0) == target ? 1 : 0)
        }
        return [crossEntropy, divergence, correct, gradient]
    }

    private static func capped(_ matrix: HostMatrix, _ row: Int, _ cap: Float) -> (numbers: [Bounded], slopes: [Bounded]) {
        var slopes: [Bounded] = []
        let numbers = (0..<matrix.columns).map { column -> Bounded in
            let logit = matrix.number(row, column)
            guard cap != 0 else { return logit }
            let curve = Bounded.hyperbolicTangent(logit / Bounded(cap))
            slopes.append(1 - curve * curve)
            return Bounded(cap) * curve
        }
        return (numbers, slopes)
    }

    private static func logSum(_ numbers: ArraySlice<Bounded>, _ temperature: Bounded) -> Bounded {
        let largest = Bounded(numbers.map(\.value).max() ?? 0)
        let weights = numbers.map { Bounded.exponential(($0 - largest) / temperature) }
        var total = Bounded.sum(weights)
        // A kernel may scale its sum whenever it meets a larger logit.
        total.error += total.value * 64 * Bounded.roundoff
        return largest / temperature + .logarithm(total)
    }

    private static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, _ guided: Int, _ type: ElementType) -> [Operand] {
        let logits = random.numbers(rows, columns, type, in: -9...9)
        let guide = random.numbers(rows, guided, type, in: -9...9)
        return [
            logits, guide,
            random.targets(of: logits), random.operand(1, 1, .float32) { _, _, _ in ElementType.float32.stored(1.0 / 37) },
        ]
    }

    static var cases: [KernelCase] {
        let sizes: [(rows: Int, columns: Int, guided: Int)] = [
            (1, 1, 1), (1, 65, 65), (7, 512, 500), (65, 63, 70), (5, 1031, 1031), (3, 5003, 5100), (4, 2049, 2047),
        ]
        let kinds: [(temperature: Float, share: Float, cap: Float, guideCap: Float)] = [
            (1, 1, 0, 0), (2, 0.5, 0, 0), (0.7, 0.9, 30, 0), (4, 1, 0, 20), (1, 0, 0, 0),
        ]
        let types: [(logits: ElementType, gradient: ElementType)] = [
            (.float32, .float32), (.bfloat16, .bfloat16), (.float32, .bfloat16), (.float16, .float16),
        ]
        var cases: [KernelCase] = []
        for size in sizes {
            for (index, kind) in kinds.enumerated() {
                let (logits, gradient) = types[index % types.count]
                let operation = DistillationLoss(
                    temperature: kind.temperature, share: kind.share, softCap: kind.cap, guideCap: kind.guideCap, gradientType: gradient)
                let name =
                    "\(size.rows)x\(size.columns) and \(size.guided), \(logits) to \(gradient), temperature \(kind.temperature) "
                    + "share \(kind.share) caps \(kind.cap) \(kind.guideCap)"
                cases.append(
                    test(name, activations: [logits, gradient], operation) { inputs(&$0, size.rows, size.columns, size.guided, logits) })
            }
        }
        return cases
    }

    static var timings: [KernelCase] {
        [(1024, 512), (128, 49152)].map { rows, columns in
            test("\(rows)x\(columns)", DistillationLoss(temperature: 2, share: 0.5, gradientType: .float32)) {
                inputs(&$0, rows, columns, columns, .float32)
            }
        }
    }
}
