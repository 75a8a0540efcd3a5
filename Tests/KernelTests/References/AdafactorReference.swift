import Graph
import Tensors

enum AdafactorReference: KernelReference {
    static func outputs(_ operation: Adafactor, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (rows, columns) = (types[0].rows, types[0].columns)
        let (clip, scalars) = (inputs[inputs.count - 2], inputs[inputs.count - 1])
        var results = types.enumerated().map { index, type in
            Expected(rows: type.rows, columns: type.columns) { row, column in index == 1 ? 0 : inputs[index].number(row, column) }
        }
        guard clip[0, 0].isFinite else { return results }
        let (factor, rate, decay) = (clip.number(0, 1), scalars.number(0, 0), scalars.number(0, 1))
        func gradient(_ row: Int, _ column: Int) -> Bounded { factor * inputs[1].number(row, column) }
        func square(_ row: Int, _ column: Int) -> Bounded {
            let g = gradient(row, column)
            return g * g + Bounded(operation.epsilon1)
        }
        let rowMeans = (0..<rows).map { row in
            decay * inputs[2].number(row, 0) + (1 - decay) * (.sum((0..<columns).map { square(row, $0) }) / Bounded(Double(columns)))
        }
        let columnMeans = (0..<columns).map { column in
            decay * inputs[3].number(0, column) + (1 - decay) * (.sum((0..<rows).map { square($0, column) }) / Bounded(Double(rows)))
        }
        let mean = Bounded.sum(rowMeans) / Bounded(Double(rows))
        func step(_ row: Int, _ column: Int) -> Bounded {
            gradient(row, column) / .squareRoot(rowMeans[row] / mean) / .squareRoot(columnMeans[column])
        }
        let places = (0..<rows).flatMap { row in (0..<columns).map { (row, $0) } }
        func meanRoot(_ number: (Int, Int) -> Bounded) -> Bounded {
            .squareRoot(.sum(places.map { number($0.0, $0.1) * number($0.0, $0.1) }) / Bounded(Double(places.count)))
        }
        func largest(_ one: Bounded, _ other: Bounded) -> Bounded { one.value > other.value ? one : other }
        var size = rate
        if operation.scalesByParameter {
            size = rate * largest(Bounded(operation.epsilon2), meanRoot { inputs[0].number($0, $1) })
        }
        let clipped = size / largest(1, meanRoot(step) / Bounded(operation.clipThreshold))
        for row in 0..<rows { results[2][row, 0] = rowMeans[row] }
        for column in 0..<columns { results[3][0, column] = columnMeans[column] }
        let beta1 = Double("\(operation.beta1)") ?? 0
        for (row, column) in places {
            var move = clipped * step(row, column)
            if operation.hasMomentum {
                move = Bounded(operation.beta1) * inputs[4].number(row, column) + Bounded(1 - beta1, error: Bounded.roundoff) * move
                results[4][row, column] = move
            }
            results[0][row, column] = inputs[0].number(row, column) * (1 - size * Bounded(operation.weightDecay)) - move
        }
        return results
    }

    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, hasMomentum: Bool, norm: Double = 3) -> [Operand] {
        [
            random.numbers(rows, columns), random.numbers(rows, columns), random.numbers(rows, 1, in: 0.01...1),
            random.numbers(1, columns, in: 0.01...1),
        ]
            + (hasMomentum ? [random.numbers(rows, columns)] : []) + [
                random.operand(1, 2, .float32) { _, column, _ in ElementType.float32.stored(column == 0 ? norm : 0.3) },
                random.operand(1, 4, .float32) { _, column, _ in ElementType.float32.stored([0.05, 0.75, 0, 0][column]) },
            ]
    }

    static var cases: [KernelCase] {
        func operation(beta1: Float = 0, scaled: Bool) -> Adafactor {
            Adafactor(beta1: beta1, weightDecay: 0.1, scalesByParameter: scaled)
        }
        return awkwardSizes.flatMap { size in
            [(Float(0), true), (0.9, false)].map { beta1, scaled in
                test("\(size) beta1 \(beta1)", mustBeInPlace: true, operation(beta1: beta1, scaled: scaled)) {
                    inputs(&$0, size.rows, size.columns, hasMomentum: beta1 > 0)
                }
            }
        } + [
            test("infinite norm", mustBeInPlace: true, operation(scaled: true)) {
                inputs(&$0, 5, 33, hasMomentum: false, norm: .infinity)
            },
            test("norm that is not a number", mustBeInPlace: true, operation(beta1: 0.9, scaled: true)) {
                inputs(&$0, 5, 33, hasMomentum: true, norm: .nan)
            },
        ]
    }

    static var timings: [KernelCase] {
        [test("576x1536", mustBeInPlace: true, Adafactor(scalesByParameter: true)) { inputs(&$0, 576, 1536, hasMomentum: false) }]
    }
}
