import Graph
import Tensors

enum PreferenceLossReference: KernelReference {
    private struct Answer {
        var sum = Bounded(0)
        var count = Bounded(1)
        var reference = Bounded(0)
        var gain: Bounded { sum - reference }
        var mean: Bounded { sum / count }
        var rest: Bounded {
            // A kernel may add up the first terms of the series.
            var rest = 1 - Bounded.exponential(mean)
            rest.error = mean.error + 64 * Bounded.roundoff * abs(rest.value) + mean.value * mean.value * 1e-7
            return rest
        }
        var logOdds: Bounded { mean - .logarithm(rest) }
    }

    static func outputs(_ operation: PreferenceLoss, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (losses, numbers, batch) = (inputs[0], inputs[4], inputs[5])
        let beta = Bounded(operation.beta)
        func answer(_ place: Int) -> Answer {
            guard place >= 0 else { return Answer() }
            let rows = inputs[1].integer(place)..<inputs[2].integer(place)
            return Answer(
                sum: -Bounded.sum(rows.map { losses.number($0) }), count: Bounded(Double(rows.count)), reference: numbers.number(place, 0))
        }
        func softplus(_ x: Bounded) -> Bounded {
            let rest = Bounded.logarithm(1 + .exponential(Bounded(-abs(x.value), error: x.error)))
            return Bounded(max(x.value, 0), error: x.error) + rest
        }
        /// A pair's loss, and its derivative by the sum of the answer's log-probabilities.
        func pair(_ own: Answer, _ other: Answer, _ side: Bounded) -> (Bounded, Bounded) {
            switch operation.form {
            case .sigmoid:
                let x = beta * side * (own.gain - other.gain)
                let smoothing = Bounded(operation.smoothing)
                return (
                    (1 - smoothing) * softplus(-x) + smoothing * softplus(x),
                    side * beta * (smoothing * .sigmoid(x) - (1 - smoothing) * .sigmoid(-x))
                )
            case .ipo:
                let x = side * (own.gain / own.count - other.gain / other.count) - Bounded(0.5) / beta
                return (x * x, side * 2 * x / own.count)
            case .ipoSum:
                let x = side * (own.gain - other.gain) - Bounded(0.5) / beta
                return (x * x, side * 2 * x)
            case .simpo:
                let x = beta * side * (own.mean - other.mean) - Bounded(operation.gamma)
                return (softplus(-x), -(side * beta * .sigmoid(-x) / own.count))
            case .orpo:
                let x = side * (own.logOdds - other.logOdds)
                return (beta * softplus(-x), -(side * beta * .sigmoid(-x) / (own.rest * own.count)))
            case .kto:
                let share = Bounded(side.value > 0 ? operation.desirable : operation.undesirable)
                let x = side * beta * (own.gain - batch.number(0, 1))
                return (share * .sigmoid(-x), -(side * share * beta * .sigmoid(x) * .sigmoid(-x)))
            }
        }
        var results = Array(repeating: Expected(rows: losses.rows, columns: 1) { _, _ in 0 }, count: 2)
        for place in 0..<losses.rows where inputs[1].integer(place) >= 0 {
            let (side, likelihood, weight) = (numbers.number(place, 1), numbers.number(place, 2), numbers.number(place, 3))
            results[1][place, 0] = likelihood * batch.number(0, 0)
            guard side.value != 0 else { continue }
            let (value, slope) = pair(answer(place), answer(inputs[3].integer(place)), side)
            if side.value > 0 || operation.form.isOfSingleAnswers { results[0][place, 0] = value * weight }
            results[1][place, 0] = likelihood * batch.number(0, 0) - slope * weight
        }
        return results
    }

    /// Pairs of answers of drawn lengths, one segment that takes no side behind each pair, and
    /// places that fill up behind all.
    static func inputs(_ random: inout CaseRandom, _ rows: Int, longest: Int) -> [Operand] {
        var segments: [(begin: Int, end: Int, other: Int, side: Double)] = []
        var next = 0
        let sides: [Double] = [1, -1, 0]
        while true {
            let lengths = sides.map { _ in 1 + Int(random.next() % UInt64(longest)) }
            guard next + lengths.reduce(0, +) <= rows else { break }
            let first = segments.count
            for (index, length) in lengths.enumerated() {
                segments.append((next, next + length, index == 2 ? -1 : first + 1 - index, sides[index]))
                next += length
            }
        }
        func places(_ number: @escaping ((begin: Int, end: Int, other: Int, side: Double)) -> Int, _ random: inout CaseRandom) -> Operand {
            random.operand(rows, 1, .int32) { row, _, _ in row < segments.count ? Double(number(segments[row])) : -1 }
        }
        return [
            random.numbers(rows, 1, in: 0.01...4), places({ $0.begin }, &random), places({ $0.end }, &random),
            places({ $0.other }, &random),
            random.operand(rows, 4, .float32) { row, column, random in
                guard row < segments.count else { return 0 }
                let length = Double(segments[row].end - segments[row].begin)
                let number = [
                    -2 * length * random.unit(), segments[row].side, Double(random.next() % 3) / 2, 0.5 + Double(random.next() % 4) / 2,
                ][column]
                return ElementType.float32.stored(number)
            },
            random.operand(1, 2, .float32) { _, column, _ in ElementType.float32.stored(column == 0 ? 0.0625 : 0.75) },
        ]
    }

    static var cases: [KernelCase] {
        PreferenceLoss.Form.allCases.flatMap { form in
            [(1, 1), (3, 1), (64, 7), (131, 40), (1031, 400)].flatMap { rows, longest in
                [Float(0.1), 2].map { beta in
                    let operation = PreferenceLoss(
                        form, beta: beta, smoothing: form == .sigmoid ? beta / 8 : 0, gamma: 0.5, desirable: 1, undesirable: 1.5)
                    return test("\(form.rawValue) beta \(beta), \(rows) rows", operation) { inputs(&$0, rows, longest: longest) }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [test("1024 rows", PreferenceLoss(.sigmoid, beta: 0.1)) { inputs(&$0, 1024, longest: 128) }]
    }
}
