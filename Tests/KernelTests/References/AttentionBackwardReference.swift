import Graph
import Tensors

enum AttentionBackwardReference: KernelReference {
    static func outputs(_ operation: AttentionBackward, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let shape = operation.shape
        let width = shape.headWidth
        let (q, k, v, gradient, logSumExp, delta, ranges) = (inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[5], inputs[6])
        let none = { (type: TensorType) in Array(repeating: [Bounded](), count: type.rows * type.columns) }
        // The terms of each sum, added up at the end: a kernel may add them in any order.
        var (dq, dk, dv) = (none(types[0]), none(types[1]), none(types[2]))
        for row in 0..<q.rows {
            for key in ranges.integer(row, 0)..<max(ranges.integer(row, 0), ranges.integer(row, 1)) {
                for head in 0..<shape.headCount {
                    let keyValueHead = head / (shape.headCount / shape.keyValueHeadCount)
                    let query = AttentionReference.head(q, row, head, width)
                    let keyRow = AttentionReference.head(k, key, keyValueHead, width)
                    let (score, slope) = AttentionReference.score(shape, query, keyRow)
                    let p = Bounded.exponential(score - logSumExp.number(row, head))
                    let outputGradient = AttentionReference.head(gradient, row, head, width)
                    let dp = Bounded.dot(outputGradient, AttentionReference.head(v, key, keyValueHead, width))
                    let difference = dp - delta.number(row, head)
                    let ds = Bounded(shape.scale) * AttentionReference.narrowed(slope * p * difference, types[0].elementType)
                    let weight = AttentionReference.narrowed(p, types[0].elementType)
                    for column in 0..<width {
                        dq[row * q.columns + head * width + column].append(ds * Bounded(keyRow[keyRow.startIndex + column]))
                        dk[key * k.columns + keyValueHead * width + column].append(ds * Bounded(query[query.startIndex + column]))
                        dv[key * k.columns + keyValueHead * width + column].append(
                            weight * Bounded(outputGradient[outputGradient.startIndex + column]))
                    }
                }
            }
        }
        return zip([dq, dk, dv], types).map { terms, type in
            Expected(rows: type.rows, columns: type.columns) { .sum(terms[$0 * type.columns + $1]) }
        }
    }

    /// Operands with the log-sum-exp that belongs to them.
    static func inputs(_ layout: AttentionReference.Layout, _ type: ElementType, _ random: inout CaseRandom) -> [Operand] {
        let q = random.numbers(layout.rows, layout.heads * layout.width, type, in: -2...2)
        let k = random.numbers(layout.rows, layout.keyValueHeads * layout.width, type, in: -2...2)
        let v = random.numbers(layout.rows, layout.keyValueHeads * layout.width, type)
        let (keys, queries) = layout.ranges
        let keyRanges = AttentionReference.ranges(keys, &random)
        let forward = AttentionReference.outputs(Attention(layout.shape), [q, k, v, keyRanges].map(\.matrix), [q.type])
        let logSumExp = random.operand(layout.rows, layout.heads, .float32) { row, head, _ in
            ElementType.float32.stored(forward[1][row, head]?.value ?? 0)
        }
        return [
            q, k, v, random.numbers(layout.rows, layout.heads * layout.width, type), logSumExp, random.numbers(layout.rows, layout.heads),
            keyRanges,
            AttentionReference.ranges(queries, &random),
        ]
    }

    static var cases: [KernelCase] {
        AttentionReference.layouts.flatMap { layout in
            layout.types.map { type in
                test("\(layout.name) \(type)", activations: [type], AttentionBackward(layout.shape)) { inputs(layout, type, &$0) }
            }
        } + [
            // The last five keys are seen by no query, the first two queries see nothing.
            test("keys that no query sees", AttentionBackward(AttentionShape(headCount: 4, keyValueHeadCount: 2, headWidth: 8, scale: 0.3)))
            { random in
                let keys = (0..<21).map { $0 < 2 ? (0, 0) : (2, $0 + 1) }
                let queries = (0..<26).map { $0 < 2 || $0 > 20 ? (0, 0) : ($0, 21) }
                return [
                    random.numbers(21, 32), random.numbers(26, 16), random.numbers(26, 16), random.numbers(21, 32),
                    random.numbers(21, 4, in: 2...4),
                    random.numbers(21, 4), AttentionReference.ranges(keys, &random), AttentionReference.ranges(queries, &random),
                ]
            }
        ]
    }

    static var timings: [KernelCase] {
        AttentionReference.timedLayouts.map { layout in
            test(layout.name, AttentionBackward(layout.shape)) { random in
                let (keys, queries) = layout.ranges
                return [
                    random.numbers(layout.rows, layout.heads * layout.width),
                    random.numbers(layout.rows, layout.keyValueHeads * layout.width),
                    random.numbers(layout.rows, layout.keyValueHeads * layout.width),
                    random.numbers(layout.rows, layout.heads * layout.width),
                    random.numbers(layout.rows, layout.heads, in: 2...4), random.numbers(layout.rows, layout.heads),
                    AttentionReference.ranges(keys, &random), AttentionReference.ranges(queries, &random),
                ]
            }
        }
    }
}
