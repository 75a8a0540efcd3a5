import Graph
import Tensors

enum SliceRowsBackwardReference: KernelReference {
    static func outputs(_ operation: SliceRowsBackward, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        [
            Expected(rows: types[0].rows, columns: types[0].columns) { row, column in
                let source = row + operation.firstRow - operation.start
                let gradient = source >= 0 && source < inputs[0].rows ? inputs[0].number(source, column) : 0
                return operation.hasAddend ? gradient + inputs[1].number(row, column) : gradient
            }
        ]
    }

    static var cases: [KernelCase] {
        // Rows of the slice, where it begins, rows of the whole, where a piece of it begins.
        let places = [(1, 0, 1, 0), (3, 5, 9, 0), (64, 0, 131, 0), (67, 64, 131, 0), (7, 2, 4, 5), (7, 20, 4, 3)]
        return places.flatMap { count, start, rows, first in
            [1, 17, 65, 1031].flatMap { columns in
                allActivationTypes.flatMap { type in
                    [false, true].map { hasAddend in
                        let operation = SliceRowsBackward(start: start, rowCount: rows, hasAddend: hasAddend, firstRow: first)
                        return test("\(count)x\(columns) \(type) {\(operation.attributes)}", activations: [type], operation) {
                            [$0.numbers(count, columns, type)] + (hasAddend ? [$0.numbers(rows, columns, type)] : [])
                        }
                    }
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [test("512 of 1024 rows of 576", SliceRowsBackward(start: 256, rowCount: 1024)) { [$0.numbers(512, 576)] }]
    }
}
