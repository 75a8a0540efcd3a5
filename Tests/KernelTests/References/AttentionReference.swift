import Graph
import Tensors

/// Scores row by row, softmax, weighted values: the textbook form that blockwise kernels must
/// equal.
enum AttentionReference: KernelReference {
    /// The score of a query and a key of one head, scaled and capped, and the derivative of the
    /// cap.
    static func score(_ shape: AttentionShape, _ q: ArraySlice<Double>, _ k: ArraySlice<Double>) -> (score: Bounded, slope: Bounded) {
        let score = Bounded(shape.scale) * .dot(q, k)
        guard shape.softCap != 0 else { return (score, 1) }
        let curve = Bounded.hyperbolicTangent(score / Bounded(shape.softCap))
        return (Bounded(shape.softCap) * curve, 1 - curve * curve)
    }

    /// A weight as the products with values and gradients take it: kernels for narrow activations
    /// may round it to their type first.
    static func narrowed(_ weight: Bounded, _ type: ElementType) -> Bounded {
        Bounded(weight.value, error: weight.error + (type == .float32 ? 0 : abs(weight.value) * type.roundoff + type.smallestNormal))
    }

    static func head(_ matrix: HostMatrix, _ row: Int, _ head: Int, _ width: Int) -> ArraySlice<Double> {
        let start = row * matrix.columns + head * width
        return matrix.values[start..<(start + width)]
    }

    static func outputs(_ operation: Attention, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let shape = operation.shape
        let (q, k, v, ranges) = (inputs[0], inputs[1], inputs[2], inputs[3])
        var output = Expected(rows: q.rows, columns: q.columns) { _, _ in 0 }
        var logSumExp = Expected(rows: q.rows, columns: shape.headCount) { _, _ in 0 }
        for row in 0..<q.rows {
            let keys = ranges.integer(row, 0)..<max(ranges.integer(row, 0), ranges.integer(row, 1))
            if keys.isEmpty { continue }
            for head in 0..<shape.headCount {
                let keyValueHead = head / (shape.headCount / shape.keyValueHeadCount)
                let query = Self.head(q, row, head, shape.headWidth)
                let scores = keys.map { score(shape, query, Self.head(k, $0, keyValueHead, shape.headWidth)).score }
                let sink = operation.hasSinks ? inputs[4].number(0, head) : nil
                let largest = Bounded(max(scores.map(\.value).max() ?? 0, sink?.value ?? -.infinity))
                // A blockwise computation scales what it has at every block: a few roundings more.
                let blockCount = Double(keys.count) / 8 + 8
                let weights = scores.map { score in
                    var weight = Bounded.exponential(score - largest)
                    weight.error += weight.value * 8 * blockCount * Bounded.roundoff
                    return weight
                }
                let total = Bounded.sum(weights + (sink.map { [Bounded.exponential($0 - largest)] } ?? []))
                logSumExp[row, head] = largest + .logarithm(total)
                for column in 0..<shape.headWidth {
                    let terms = zip(keys, weights).map {
                        narrowed($1, types[0].elementType) * v.number($0, keyValueHead * shape.headWidth + column)
                    }
                    output[row, head * shape.headWidth + column] = Bounded.sum(terms) / total
                }
            }
        }
        return [output, logSumExp]
    }

    /// Causal ranges of packed examples, of lengths that add up to the rows, within a window; also
    /// from the keys' side.
    static func packed(_ lengths: [Int], window: Int = .max) -> (keys: [(Int, Int)], queries: [(Int, Int)]) {
        var keys: [(Int, Int)] = []
        var queries: [(Int, Int)] = []
        var start = 0
        for length in lengths {
            for row in start..<(start + length) {
                keys.append((row - start >= window ? row - window + 1 : start, row + 1))
                queries.append((row, window < start + length - row ? row + window : start + length))
            }
            start += length
        }
        return (keys, queries)
    }

    static func ranges(_ ranges: [(Int, Int)], _ random: inout CaseRandom) -> Operand {
        random.operand(ranges.count, 2, .int32) { row, column, _ in Double(column == 0 ? ranges[row].0 : ranges[row].1) }
    }

    struct Layout: Sendable {
        var name: String
        var heads: Int
        var keyValueHeads: Int
        var width: Int
        var lengths: [Int]
        var window = Int.max
        var softCap: Float = 0
        /// Types share all code but the reading and writing of elements, and shaders for wide heads
        /// take long to compile.
        var types: [ElementType] = [.float32]

        var shape: AttentionShape {
            AttentionShape(
                headCount: heads, keyValueHeadCount: keyValueHeads, headWidth: width, scale: 1 / Float(width).squareRoot(), softCap: softCap
            )
        }
        var rows: Int { lengths.reduce(0, +) }
        var ranges: (keys: [(Int, Int)], queries: [(Int, Int)]) { AttentionReference.packed(lengths, window: window) }
    }

    static let layouts: [Layout] = [
        Layout(name: "one token", heads: 1, keyValueHeads: 1, width: 8, lengths: [1]),
        Layout(name: "heads of 7", heads: 3, keyValueHeads: 1, width: 7, lengths: [19]),
        Layout(name: "heads of 24, packed", heads: 4, keyValueHeads: 2, width: 24, lengths: [1, 33, 64, 2, 31], types: allActivationTypes),
        Layout(name: "heads of 64", heads: 2, keyValueHeads: 2, width: 64, lengths: [131]),
        Layout(name: "heads of 96, window", heads: 2, keyValueHeads: 1, width: 96, lengths: [70, 67], window: 24, types: [.bfloat16]),
        Layout(name: "heads of 128, cap", heads: 2, keyValueHeads: 1, width: 128, lengths: [65], softCap: 5, types: [.float16]),
        Layout(name: "heads of 256, window and cap", heads: 1, keyValueHeads: 1, width: 256, lengths: [40], window: 16, softCap: 50),
        // Rows and heads enough for blocks of queries that are multiplied together.
        Layout(name: "long rows", heads: 16, keyValueHeads: 4, width: 5, lengths: [10, 505], types: [.float32, .bfloat16]),
        Layout(name: "grouped heads of 8", heads: 8, keyValueHeads: 4, width: 8, lengths: [100, 100], types: allActivationTypes),
    ]

    static var cases: [KernelCase] {
        let packedCases = layouts.flatMap { layout in
            layout.types.map { type in
                test("\(layout.name) \(type)", activations: [type], Attention(layout.shape)) { random in
                    [
                        random.numbers(layout.rows, layout.heads * layout.width, type, in: -2...2),
                        random.numbers(layout.rows, layout.keyValueHeads * layout.width, type, in: -2...2),
                        random.numbers(layout.rows, layout.keyValueHeads * layout.width, type), ranges(layout.ranges.keys, &random),
                    ]
                }
            }
        }
        let shape = AttentionShape(headCount: 2, keyValueHeadCount: 1, headWidth: 16, scale: 0.25)
        return packedCases + sinkCases + [
            test("any ranges, some empty", Attention(shape)) { random in
                let limits = (0..<37).map { row in
                    let ends = [Int(random.next() % 54), Int(random.next() % 54)].sorted()
                    return row % 5 == 2 ? (ends[0], ends[0]) : (ends[0], ends[1])
                }
                return [random.numbers(37, 32), random.numbers(53, 16), random.numbers(53, 16), ranges(limits, &random)]
            },
            test("no range at all", Attention(shape)) { random in
                [random.numbers(9, 32), random.numbers(9, 16), random.numbers(9, 16), ranges(Array(repeating: (0, 0), count: 9), &random)]
            },
            test("one query, many keys", Attention(shape)) { random in
                [random.numbers(1, 32), random.numbers(500, 16), random.numbers(500, 16), ranges([(0, 499)], &random)]
            },
            test("large scores", Attention(AttentionShape(headCount: 1, keyValueHeadCount: 1, headWidth: 16, scale: 8))) { random in
                [
                    random.numbers(20, 16, in: -4...4), random.numbers(20, 16, in: -4...4), random.numbers(20, 16),
                    ranges(packed([20]).keys, &random),
                ]
            },
        ]
    }

    /// Sinks below, among and above the scores; of sixteen bits, too.
    private static var sinkCases: [KernelCase] {
        let wide = Layout(name: "heads of 64, window", heads: 4, keyValueHeads: 2, width: 64, lengths: [70, 1, 67], window: 24)
        let long = Layout(name: "long rows", heads: 8, keyValueHeads: 4, width: 16, lengths: [505])
        return [(wide, ElementType.float32), (wide, .bfloat16), (long, .float32), (long, .float16)].flatMap { layout, type in
            [ElementType.float32, .bfloat16].map { sinks in
                test("\(layout.name) \(type) sinks \(sinks)", activations: [type], Attention(layout.shape, hasSinks: true)) { random in
                    [
                        random.numbers(layout.rows, layout.heads * layout.width, type, in: -2...2),
                        random.numbers(layout.rows, layout.keyValueHeads * layout.width, type, in: -2...2),
                        random.numbers(layout.rows, layout.keyValueHeads * layout.width, type), ranges(layout.ranges.keys, &random),
                        random.numbers(1, layout.heads, sinks, in: -9...9),
                    ]
                }
            }
        } + [
            test("sinks and rows that see nothing", Attention(wide.shape, hasSinks: true)) { random in
                let limits = (0..<9).map { $0 % 2 == 0 ? (0, 0) : (0, $0) }
                return [
                    random.numbers(9, 256), random.numbers(9, 128), random.numbers(9, 128), ranges(limits, &random),
                    random.numbers(1, 4, in: -9...9),
                ]
            }
        ]
    }

    static let timedLayouts = [
        Layout(name: "8 heads of 8, 8x128", heads: 8, keyValueHeads: 4, width: 8, lengths: Array(repeating: 128, count: 8)),
        Layout(name: "9 heads of 64, 4x256", heads: 9, keyValueHeads: 3, width: 64, lengths: Array(repeating: 256, count: 4)),
        Layout(name: "9 heads of 64, 1x1024", heads: 9, keyValueHeads: 3, width: 64, lengths: [1024]),
    ]

    static var timings: [KernelCase] {
        timedLayouts.map { layout in
            test(layout.name, Attention(layout.shape)) { random in
                [
                    random.numbers(layout.rows, layout.heads * layout.width),
                    random.numbers(layout.rows, layout.keyValueHeads * layout.width),
                    random.numbers(layout.rows, layout.keyValueHeads * layout.width), ranges(layout.ranges.keys, &random),
                ]
            }
        }
    }
}
