import Graph
import Tensors

enum GatherRowsReference: KernelReference {
    static func outputs(_ operation: GatherRows, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        var result = Expected(rows: types[0].rows, columns: types[0].columns)
        for row in 0..<types[0].rows {
            let source = inputs[1].integer(row)
            for column in 0..<types[0].columns {
                if source < 0 {
                    if operation.firstRow == 0 { result[row, column] = 0 }
                } else if (0..<inputs[0].rows).contains(source - operation.firstRow) {
                    result[row, column] = inputs[0].number(source - operation.firstRow, column)
                }
            }
        }
        return [result]
    }

    /// `count` row numbers below `limit`, every fifth -1, the others all different.
    static func rows(_ random: inout CaseRandom, _ count: Int, below limit: Int) -> Operand {
        let distinct = random.distinct(count, below: limit)
        return random.operand(count, 1, .int32) { row, _, _ in row % 5 == 4 || row >= distinct.count ? -1 : Double(distinct[row]) }
    }

    static var cases: [KernelCase] {
        [(1, 1, 1), (65, 63, 131), (33, 257, 40)].flatMap { count, columns, limit in
            allActivationTypes.map { type in
                test("\(count) of \(limit)x\(columns) \(type)", activations: [type], GatherRows()) {
                    [$0.numbers(limit, columns, type), rows(&$0, count, below: limit)]
                }
            }
        }
            + [0, 20].map { firstRow in
                test("a piece from row \(firstRow)", GatherRows(firstRow: firstRow)) { [$0.numbers(20, 31), rows(&$0, 40, below: 60)] }
            }
    }

    static var timings: [KernelCase] {
        [64, 576].map { columns in
            test("800 of 1024x\(columns)", GatherRows()) { [$0.numbers(1024, columns), rows(&$0, 800, below: 1024)] }
        }
    }
}
