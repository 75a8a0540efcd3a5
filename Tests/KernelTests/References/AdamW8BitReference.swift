import Graph
import Tensors

enum AdamW8BitReference: KernelReference {
    private static let width = StateShape.blockWidth

    private static func byte(_ words: HostMatrix, _ row: Int, _ column: Int) -> Int {
        Int((UInt32(bitPattern: Int32(words[row, column / 4])) >> UInt32(column % 4 * 8)) & 0xFF)
    }

    static func outputs(_ operation: AdamW8Bit, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (rows, columns) = (types[0].rows, types[0].columns)
        var results = types.enumerated().map { index, type in
            Expected(rows: type.rows, columns: type.columns) { index == 1 ? 0 : Bounded(inputs[index][$0, $1]) }
        }
        let (clip, scalars) = (inputs[6], inputs[7])
        guard clip[0, 0].isFinite else { return results }
        func rest(_ beta: Float) -> Bounded { Bounded(1 - (Double("\(beta)") ?? 0), error: Bounded.roundoff) }
        let (rate, decay) = (scalars.number(0, 0), 1 - scalars.number(0, 0) * Bounded(operation.weightDecay))
        let size = rate / scalars.number(0, 1)
        let correction = Bounded.squareRoot(scalars.number(0, 2))
        for row in 0..<rows {
            for start in stride(from: 0, to: columns, by: width) {
                let range = start..<min(columns, start + width)
                var (firsts, roots): ([Bounded], [Bounded]) = ([], [])
                for column in range {
                    let signed = Bounded(Double(Int8(truncatingIfNeeded: byte(inputs[2], row, column))))
                    let unsigned = Bounded(Double(byte(inputs[4], row, column)))
                    let magnitude = Bounded(abs(signed.value))
                    let old = inputs[3].number(row, start / width) / 16_129 * signed * magnitude
                    let root = inputs[5].number(row, start / width) / 65_025 * unsigned * unsigned
                    let g = clip.number(0, 1) * inputs[1].number(row, column)
                    let first = Bounded(operation.beta1) * old + rest(operation.beta1) * g
                    let second = Bounded.squareRoot(Bounded(operation.beta2) * (root * root) + rest(operation.beta2) * (g * g))
                    firsts.append(first)
                    roots.append(second)
                    results[0][row, column] =
                        inputs[0].number(row, column) * decay - first * size / (second / correction + Bounded(operation.epsilon))
                }
                func largest(_ numbers: [Bounded]) -> Bounded {
                    numbers.map { Bounded(abs($0.value), error: $0.error) }.max { $0.value < $1.value } ?? 0
                }
                let (most, mostRoot) = (largest(firsts), largest(roots))
                results[3][row, start / width] = most
                results[5][row, start / width] = mostRoot
                for first in stride(from: range.lowerBound, to: range.upperBound, by: 4) {
                    var words: [UInt32] = [0, 0]
                    var isUncertain = [false, false]
                    for column in first..<min(range.upperBound, first + 4) {
                        let (number, root) = (firsts[column - start], roots[column - start])
                        func position(_ value: Bounded, _ most: Bounded, _ codes: Double, _ stream: UInt32) -> (Int, isUncertain: Bool) {
                            let bits = AdamW8Bit.noise(
                                row: UInt32(row), column: UInt32(column), step: UInt32(scalars[0, 3]), stream: stream)
                            let share = most.value > 0 ? Bounded(abs(value.value), error: value.error) / most : 0
                            let place = Bounded.squareRoot(share) * Bounded(codes) + Bounded(Double(bits >> 8) * 0x1p-24)
                            let (low, high) = ((place.value - place.error).rounded(.down), (place.value + place.error).rounded(.down))
                            let code = min(codes, place.value.rounded(.down))
                            return (Int(code), min(codes, low) != min(codes, high))
                        }
                        let (one, other) = (position(number, most, 127, 0), position(root, mostRoot, 255, 1))
                        let signed = number.value < 0 ? -one.0 : one.0
                        // Where the sign is rounding's, so is the code.
                        isUncertain[0] = isUncertain[0] || one.isUncertain || abs(number.value) <= number.error && number.error > 0
                        isUncertain[1] = isUncertain[1] || other.isUncertain
                        let shift = UInt32((column - first) * 8)
                        words[0] |= UInt32(UInt8(truncatingIfNeeded: signed)) << shift
                        words[1] |= UInt32(max(root.value > 0 ? 1 : 0, other.0)) << shift
                    }
                    for index in 0..<2 {
                        results[2 + 2 * index][row, first / 4] = Bounded(
                            Double(Int32(bitPattern: words[index])), error: isUncertain[index] ? 0x1p33 : 0)
                    }
                }
            }
        }
        return results
    }

    static func inputs(_ random: inout CaseRandom, _ rows: Int, _ columns: Int, norm: Double = 3) -> [Operand] {
        func codes(_ random: inout CaseRandom, isSigned: Bool) -> Operand {
            random.operand(rows, (columns + 3) / 4, .int32) { _, word, random in
                let bytes = (0..<4).map { place -> UInt32 in
                    guard 4 * word + place < columns else { return 0 }
                    let byte = UInt8(truncatingIfNeeded: random.next())
                    // -128 is no code.
                    return UInt32(isSigned && byte == 128 ? 0 : byte) << UInt32(8 * place)
                }
                return Double(Int32(bitPattern: bytes.reduce(0, |)))
            }
        }
        let blocks = (columns + width - 1) / width
        let (parameter, gradient) = (random.numbers(rows, columns), random.numbers(rows, columns))
        let (firsts, firstScales) = (codes(&random, isSigned: true), random.numbers(rows, blocks, in: 0.1...1))
        let (seconds, secondScales) = (codes(&random, isSigned: false), random.numbers(rows, blocks, in: 0.1...1))
        return [
            parameter, gradient, firsts, firstScales, seconds, secondScales,
            random.operand(1, 2, .float32) { _, column, _ in ElementType.float32.stored(column == 0 ? norm : 0.3) },
            random.operand(1, 4, .float32) { _, column, _ in ElementType.float32.stored([1e-2, 0.5, 0.25, 17][column]) },
        ]
    }

    static let operation = AdamW8Bit(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1)

    static var cases: [KernelCase] {
        awkwardSizes.map { size in test("\(size)", mustBeInPlace: true, operation) { inputs(&$0, size.rows, size.columns) } } + [
            test("infinite norm", mustBeInPlace: true, operation) { inputs(&$0, 5, 33, norm: .infinity) },
            test("norm that is not a number", mustBeInPlace: true, operation) { inputs(&$0, 5, 300, norm: .nan) },
            test("the first step, without a gradient in some rows", mustBeInPlace: true, operation) { random in
                var operands = inputs(&random, 4, 264)
                for index in 2...5 {
                    let type = operands[index].type
                    operands[index] = random.operand(type.rows, type.columns, type.elementType) { _, _, _ in 0 }
                }
                operands[1] = random.operand(4, 264, .float32) { row, _, random in
                    row % 2 == 0 ? 0 : ElementType.float32.stored(random.unit() - 0.5)
                }
                return operands
            },
        ]
    }

    static var timings: [KernelCase] { [test("576x1536", mustBeInPlace: true, operation) { inputs(&$0, 576, 1536) }] }
}
