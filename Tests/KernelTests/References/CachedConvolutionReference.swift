import Graph
import Tensors

enum CachedConvolutionReference: KernelReference {
    static func outputs(_ operation: CachedConvolution, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (cache, weight, ranges, sequences, pages) = (inputs[0], inputs[1], inputs[2], inputs[3], inputs[4])
        return [
            Expected(rows: types[0].rows, columns: types[0].columns) { row, column in
                let (first, end, sequence) = (ranges.integer(row, 0), ranges.integer(row, 1), sequences.integer(row))
                if sequence < 0 { return 0 }
                let taps = (0..<weight.columns).filter { end - 1 - $0 >= first }
                return .sum(
                    taps.map { tap in
                        let position = end - 1 - tap
                        let page = pages.integer(sequence, position / operation.pageRows)
                        return cache.number(page * operation.pageRows + position % operation.pageRows, column)
                            * weight.number(column, weight.columns - 1 - tap)
                    })
            }
        ]
    }

    /// Rows of several sequences in any order, the pages of each anywhere in the cache.
    private static func inputs(
        _ random: inout CaseRandom, rows: Int, columns: Int, taps: Int, _ type: ElementType, _ cacheType: ElementType
    ) -> [Operand] {
        let (sequences, pages, pageRows) = (3, 4, 32)
        let places = random.distinct(sequences * pages, below: sequences * pages + 3)
        let ends = (0..<rows).map { row in row % 7 == 6 ? 0 : Int(random.next() % UInt64(row % 3 == 0 ? 4 : pages * pageRows)) + 1 }
        return [
            random.numbers((sequences * pages + 3) * pageRows, columns, cacheType), random.numbers(columns, taps, type),
            random.operand(rows, 2, .int32) { row, column, _ in column == 0 ? 0 : Double(ends[row]) },
            random.operand(rows, 1, .int32) { row, _, random in row % 5 == 4 ? -1 : Double(random.next() % UInt64(sequences)) },
            random.operand(sequences, pages, .int32) { row, column, _ in Double(places[row * pages + column]) },
        ]
    }

    static var cases: [KernelCase] {
        let types: [(ElementType, ElementType)] = [(.float32, .float32), (.float32, .float16), (.bfloat16, .bfloat16)]
        return [(1, 1, 1), (21, 33, 3), (9, 64, 4), (40, 7, 16)].flatMap { rows, columns, taps in
            types.map { type, cacheType in
                test(
                    "\(rows) rows, \(columns) x \(taps) \(type) over \(cacheType)", activations: [type],
                    mixedWeight: type == .float32 && cacheType != .float32 ? cacheType : nil,
                    CachedConvolution(pageRows: 32, outputType: type)
                ) { inputs(&$0, rows: rows, columns: columns, taps: taps, type, cacheType) }
            }
        }
    }

    static var timings: [KernelCase] { [] }
}
