import Tensors

/// Cuts a matrix into blocks of columns. No kernel runs: each output is a view.
///
/// Input: `[t, sum of widths]`. Outputs: `[t, width]` for each width.
package struct SplitColumns: Operation {
    package static let name = "SplitColumns"
    package var widths: [Int]

    package init(widths: [Int]) { self.widths = widths }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 1)
        try require(widths.reduce(0, +) == inputs[0].columns, "widths \(widths) do not add up to \(inputs[0].columns)")
        return widths.map { TensorType(rows: inputs[0].rows, columns: $0, inputs[0].elementType) }
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .zero }
    package var attributes: String { "widths=\(widths)" }
    package var view: OperandView? {
        var column = 0
        return .parts(
            widths.map { width in
                defer { column += width }
                return .init(row: 0, column: column)
            })
    }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        let gradients = node.outputs.compactMap { context.gradient(of: $0) }
        guard !gradients.isEmpty, context.needsGradient(node.inputs[0]) else { return }
        guard gradients.count == node.outputs.count else { throw .notDifferentiable(operation: "SplitColumns with an unused block") }
        try context.contribute(to: node.inputs[0], context.add(ConcatenateColumns(), gradients)[0])
    }
}

/// Some rows of a matrix, as a view. Input: `[t, n]`. Output: `[count, n]`, from row `start` on.
package struct SliceRows: Operation {
    package static let name = "SliceRows"
    package var start: Int
    package var count: Int

    package init(start: Int, count: Int) {
        self.start = start
        self.count = count
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 1)
        try require(start >= 0 && count >= 0 && start + count <= inputs[0].rows, "rows \(start)..<\(start + count) of \(inputs[0])")
        return [TensorType(rows: count, columns: inputs[0].columns, inputs[0].elementType)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .zero }
    package var attributes: String { "\(start)..<\(start + count)" }
    package var view: OperandView? { .parts([.init(row: start, column: 0)]) }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        let rowCount = context.type(of: node.inputs[0]).rows
        let start = start
        try context.contribute(to: node.inputs[0]) { context, addend, type throws(GraphError) in
            let fitting = try context.converted(gradient, to: type)
            let operation = SliceRowsBackward(start: start, rowCount: rowCount, hasAddend: addend != nil)
            return try context.add(operation, [fitting] + (addend.map { [$0] } ?? []))[0]
        }
    }
}

/// Matrices side by side. The planner has each input computed in its place of the output; no kernel
/// runs unless that is impossible.
package struct ConcatenateColumns: Operation {
    package static let name = "ConcatenateColumns"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        guard let first = inputs.first else { throw .operandMismatch(operation: name, reason: "no operands") }
        try require(inputs.allSatisfy { $0.rows == first.rows && $0.elementType == first.elementType }, "operands \(inputs) differ")
        return [TensorType(rows: first.rows, columns: inputs.reduce(0) { $0 + $1.columns }, first.elementType)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .zero }
    package var view: OperandView? { .sideBySide }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        let widths = node.inputs.map { context.type(of: $0).columns }
        for (input, part) in zip(node.inputs, try context.add(SplitColumns(widths: widths), [gradient])) {
            try context.contribute(to: input, part)
        }
    }
}

/// Matrices one below the other, likewise without a kernel where possible.
package struct ConcatenateRows: Operation {
    package static let name = "ConcatenateRows"

    package init() {}

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        guard let first = inputs.first else { throw .operandMismatch(operation: name, reason: "no operands") }
        try require(inputs.allSatisfy { $0.columns == first.columns && $0.elementType == first.elementType }, "operands \(inputs) differ")
        return [TensorType(rows: inputs.reduce(0) { $0 + $1.rows }, columns: first.columns, first.elementType)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .zero }
    package var view: OperandView? { .stacked }

    package func differentiate(_ node: Node, in context: inout Differentiation) throws(GraphError) {
        guard let gradient = context.gradient(of: node.outputs[0]) else { return }
        var start = 0
        for input in node.inputs {
            let count = context.type(of: input).rows
            if context.needsGradient(input) {
                try context.contribute(to: input, context.add(SliceRows(start: start, count: count), [gradient])[0])
            }
            start += count
        }
    }
}
