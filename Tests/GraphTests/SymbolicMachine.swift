import Graph
import Tensors

/// Runs a graph and its plan on tags instead of numbers: an element's tag says which node computed
/// it from which tags.
///
/// If the plan puts two values that live at the same time into one place, or reads a place too
/// late, some output's tags differ from the graph's.
struct SymbolicMachine {
    typealias Matrix = [[UInt64]]

    static func mix(_ parts: [UInt64]) -> UInt64 {
        parts.reduce(0x9E37_79B9_7F4A_7C15) { hash, part in
            var next = (hash ^ part) &* 0xBF58_476D_1CE4_E5B9
            next ^= next >> 29
            return next
        }
    }

    static func initial(_ name: String, _ row: Int, _ column: Int) -> UInt64 {
        mix(Array(name.utf8).map(UInt64.init) + [UInt64(row), UInt64(column)])
    }

    /// What an operation computes: each element depends on all inputs and on its own place.
    static func result(_ operation: String, _ output: Int, _ inputs: [Matrix], rows: Int, columns: Int) -> Matrix {
        let digest = mix(Array(operation.utf8).map(UInt64.init) + [UInt64(output)] + inputs.map { mix($0.map { mix($0) }) })
        return (0..<rows).map { row in (0..<columns).map { mix([digest, UInt64(row), UInt64($0)]) } }
    }

    /// The tags of every output by name, straight from the graph.
    static func run(_ graph: Graph) -> [String: Matrix] {
        var values: [ValueID: Matrix] = [:]
        var outputs: [String: Matrix] = [:]
        for value in graph.values {
            switch value.role {
            case .input, .persistent:
                values[value.id] = (0..<value.type.rows).map { row in (0..<value.type.columns).map { initial(value.name, row, $0) } }
            default: break
            }
        }
        for node in graph.nodes {
            let inputs = node.inputs.compactMap { values[$0] }
            let results: [Matrix]
            switch node.operation {
            case let split as SplitColumns:
                var start = 0
                results = split.widths.map { width in
                    defer { start += width }
                    return inputs[0].map { Array($0[start..<(start + width)]) }
                }
            case let slice as SliceRows: results = [Array(inputs[0][slice.start..<(slice.start + slice.count)])]
            case is ConcatenateColumns: results = [inputs[0].indices.map { row in inputs.flatMap { $0[row] } }]
            case is ConcatenateRows: results = [inputs.flatMap { $0 }]
            case let convert as Convert where convert.outputType == graph.type(of: node.inputs[0]).elementType: results = [inputs[0]]
            default:
                results = node.outputs.enumerated().map { index, output in
                    let type = graph.type(of: output)
                    return result(node.operation.name, index, inputs, rows: type.rows, columns: type.columns)
                }
            }
            for (output, result) in zip(node.outputs, results) {
                values[output] = result
                if graph.values[output.index].role == .output { outputs[graph.values[output.index].name] = result }
            }
        }
        return outputs
    }

    /// The tags of every output by name after the plan's calls, each tag in four bytes' place of a
    /// block.
    static func run(_ plan: Plan, layout: PersistentLayout, inputs: [String: TensorType]) -> [String: Matrix] {
        var memory: [MemorySpace: [[UInt64]]] = [
            .transient: plan.transientBlocks.map { Array(repeating: 0xDEAD, count: $0 / 4 + 1) },
            .exchange: plan.exchangeBlocks.map { Array(repeating: 0xDEAD, count: $0 / 4 + 1) },
            .persistent: layout.blocks.map { Array(repeating: 0xDEAD, count: $0.byteCount / 4 + 1) },
        ]
        func firstPlace(_ reference: TensorReference, row: Int) -> Int { reference.byteOffset / 4 + row * reference.rowStride }
        func read(_ reference: TensorReference) -> Matrix {
            var matrix: Matrix = []
            for row in 0..<reference.rows {
                let first = firstPlace(reference, row: row)
                let block = memory[reference.space]?[reference.block] ?? []
                matrix.append((0..<reference.columns).map { column in block[first + column] })
            }
            return matrix
        }
        func write(_ matrix: Matrix, _ reference: TensorReference) {
            for (row, tags) in matrix.enumerated() {
                let first = firstPlace(reference, row: row)
                for (column, tag) in tags.enumerated() { memory[reference.space]?[reference.block][first + column] = tag }
            }
        }
        for (name, reference) in plan.inputs {
            write((0..<reference.rows).map { row in (0..<reference.columns).map { initial(name, row, $0) } }, reference)
        }
        for (key, placement) in layout.placements {
            for reference in placement.pieces {
                write((0..<reference.rows).map { row in (0..<reference.columns).map { initial(key, row, $0) } }, reference)
            }
        }
        for call in plan.calls {
            let inputs = call.inputs.map(read)
            let isCopy = (call.operation as? Convert).map { $0.outputType == call.inputs[0].elementType } ?? false
            let results =
                isCopy
                ? [inputs[0]]
                : call.outputs.enumerated().map { result(call.operation.name, $0, inputs, rows: $1.rows, columns: $1.columns) }
            for (output, result) in zip(call.outputs, results) { write(result, output) }
        }
        return plan.outputs.mapValues(read)
    }
}
