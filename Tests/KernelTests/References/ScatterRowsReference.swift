import Graph
import Tensors

enum ScatterRowsReference: KernelReference {
    static func outputs(_ operation: ScatterRows, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        var result =
            operation.hasBase
            ? Expected(rows: types[0].rows, columns: types[0].columns)
            : Expected(rows: types[0].rows, columns: types[0].columns) { _, _ in 0 }
        for row in 0..<inputs[0].rows where inputs[1].integer(row) >= 0 {
            let target = inputs[1].integer(row) - operation.firstRow
            guard (0..<types[0].rows).contains(target) else { continue }
            for column in 0..<types[0].columns { result[target, column] = inputs[0].number(row, column) }
        }
        return [result]
    }

    static var cases: [KernelCase] {
        [(1, 1, 1), (65, 63, 131), (33, 257, 40)].flatMap { count, columns, limit in
            allActivationTypes.flatMap { type in
                [false, true].map { hasBase in
                    test(
                        "\(count) into \(limit)x\(columns) \(type)\(hasBase ? " with base" : "")", activations: [type],
                        mustBeInPlace: hasBase,
                        ScatterRows(rowCount: limit, hasBase: hasBase)
                    ) {
                        [$0.numbers(count, columns, type), GatherRowsReference.rows(&$0, count, below: limit)]
                            + (hasBase ? [$0.numbers(limit, columns, type)] : [])
                    }
                }
            }
        }
            + [0, 20].map { firstRow in
                test("a piece from row \(firstRow)", ScatterRows(rowCount: 20, firstRow: firstRow)) {
                    [$0.numbers(40, 31), GatherRowsReference.rows(&$0, 40, below: 60)]
                }
            }
    }

    static var timings: [KernelCase] {
        [64, 576].map { columns in
            test("800 into 1024x\(columns)", ScatterRows(rowCount: 1024)) {
                [$0.numbers(800, columns), GatherRowsReference.rows(&$0, 800, below: 1024)]
            }
        }
    }
}
