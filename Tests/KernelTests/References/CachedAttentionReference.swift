import Graph
import Tensors

/// The textbook form over the keys that the pages name, one after the other.
enum CachedAttentionReference: KernelReference {
    static func outputs(_ operation: CachedAttention, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let shape = operation.shape
        let (q, k, v) = (inputs[0], inputs[1], inputs[2])
        var output = Expected(rows: q.rows, columns: q.columns) { _, _ in 0 }
        for row in 0..<q.rows {
            let sequence = inputs[4].integer(row)
            let (first, end) = (inputs[3].integer(row, 0), inputs[3].integer(row, 1))
            if sequence < 0 || first >= end { continue }
            let keys = (first..<end).map {
                inputs[5].integer(sequence, $0 / operation.pageRows) * operation.pageRows + $0 % operation.pageRows
            }
            for head in 0..<shape.headCount {
                let keyValueHead = head / (shape.headCount / shape.keyValueHeadCount)
                let query = AttentionReference.head(q, row, head, shape.headWidth)
                let scores = keys.map {
                    AttentionReference.score(shape, query, AttentionReference.head(k, $0, keyValueHead, shape.headWidth)).score
                }
                let sink = operation.hasSinks ? inputs[6].number(0, head) : nil
                let largest = Bounded(max(scores.map(\.value).max() ?? 0, sink?.value ?? -.infinity))
                // A blockwise computation scales what it has at every block: a few roundings more.
                let blockCount = Double(keys.count) / 8 + 8
                let weights = scores.map { score in
                    var weight = Bounded.exponential(score - largest)
                    weight.error += weight.value * 8 * blockCount * Bounded.roundoff
                    return weight
                }
                let total = Bounded.sum(weights + (sink.map { [Bounded.exponential($0 - largest)] } ?? []))
                for column in 0..<shape.headWidth {
                    let terms = zip(keys, weights).map { $1 * v.number($0, keyValueHead * shape.headWidth + column) }
                    output[row, head * shape.headWidth + column] = Bounded.sum(terms) / total
                }
            }
        }
        return [output]
    }

    /// Rows of several sequences in any order, the pages of each anywhere in the cache.
    static func inputs(
        _ random: inout CaseRandom, _ operation: CachedAttention, rows: Int, sequences: Int, pages: Int, window: Int, _ type: ElementType,
        _ cacheType: ElementType
    ) -> [Operand] {
        let (shape, pageRows) = (operation.shape, operation.pageRows)
        let places = random.distinct(sequences * pages, below: sequences * pages + 3)
        let cacheRows = (sequences * pages + 3) * pageRows
        let keyColumns = shape.keyValueHeadCount * shape.headWidth
        let ends = (0..<rows).map { row in row % 7 == 6 ? 0 : Int(random.next() % UInt64(pages * pageRows)) + 1 }
        return [
            random.numbers(rows, shape.headCount * shape.headWidth, type, in: -2...2),
            random.numbers(cacheRows, keyColumns, cacheType, in: -2...2), random.numbers(cacheRows, keyColumns, cacheType),
            random.operand(rows, 2, .int32) { row, column, _ in Double(column == 0 ? max(0, ends[row] - window) : ends[row]) },
            random.operand(rows, 1, .int32) { row, _, random in row % 5 == 4 ? -1 : Double(random.next() % UInt64(sequences)) },
            random.operand(sequences, pages, .int32) { row, column, _ in Double(places[row * pages + column]) },
        ] + (operation.hasSinks ? [random.numbers(1, shape.headCount, cacheType, in: -9...9)] : [])
    }

    static var cases: [KernelCase] {
        let layouts: [(heads: Int, keyValueHeads: Int, width: Int, rows: Int, window: Int, softCap: Float)] = [
            (1, 1, 1, 1, 1_000, 0), (4, 2, 8, 21, 1_000, 0), (9, 3, 24, 5, 40, 0), (2, 1, 64, 3, 1_000, 5), (2, 2, 80, 9, 17, 0),
        ]
        let types: [(ElementType, ElementType)] = [(.float32, .float32), (.float32, .float16), (.bfloat16, .bfloat16)]
        return layouts.flatMap { layout in
            types.flatMap { type, cacheType in
                [false, true].map { hasSinks in
                    let operation = CachedAttention(
                        AttentionShape(
                            headCount: layout.heads, keyValueHeadCount: layout.keyValueHeads, headWidth: layout.width,
                            scale: 1 / Float(layout.width).squareRoot(), softCap: layout.softCap), pageRows: 32, hasSinks: hasSinks)
                    return test(
                        "\(layout.rows) rows, \(layout.heads)/\(layout.keyValueHeads) heads of \(layout.width), window \(layout.window) "
                            + "\(type) over \(cacheType)" + (hasSinks ? " sinks" : ""), activations: [type],
                        mixedWeight: type == .float32 && cacheType != .float32 ? cacheType : nil, operation
                    ) {
                        inputs(&$0, operation, rows: layout.rows, sequences: 3, pages: 4, window: layout.window, type, cacheType)
                    }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        let shape = AttentionShape(headCount: 9, keyValueHeadCount: 3, headWidth: 64, scale: 0.125)
        let operation = CachedAttention(shape, pageRows: 32)
        return [(1, 1), (8, 8), (256, 1)].map { rows, sequences in
            test("\(rows) rows of \(sequences) sequences of 512", operation) {
                inputs(&$0, operation, rows: rows, sequences: sequences, pages: 16, window: 512, .float32, .float32)
            }
        }
    }
}
