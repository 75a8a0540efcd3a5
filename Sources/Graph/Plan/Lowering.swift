import Tensors

/// Turns nodes into kernel calls: one a node where every operand lies in one piece, else one for
/// each combination of pieces.
struct Lowering {
    let graph: Graph
    let assignment: StorageAssignment
    /// By storage.
    let placements: [Placement]
    let limits: MemoryLimits

    /// A part of an operand: which of its rows, and where they are.
    struct Piece {
        var rows: Range<Int>
        var reference: TensorReference
    }

    /// The pieces of a value at a location, in ascending order of its rows.
    func pieces(of location: StorageAssignment.Location, _ type: TensorType) -> [Piece] {
        var pieces: [Piece] = []
        var start = 0
        let wanted = location.row..<(location.row + type.rows)
        for whole in placements[location.storage].pieces {
            let held = start..<(start + whole.rows)
            start += whole.rows
            let common = held.clamped(to: wanted)
            guard !common.isEmpty || (type.rows == 0 && pieces.isEmpty) else { continue }
            let reference = whole.rows((common.lowerBound - held.lowerBound)..<(common.upperBound - held.lowerBound))
                .columns(location.column..<(location.column + type.columns))
            pieces.append(
                Piece(rows: (common.lowerBound - wanted.lowerBound)..<(common.upperBound - wanted.lowerBound), reference: reference))
        }
        return pieces
    }

    func calls() throws(GraphError) -> [KernelCall] {
        var calls: [KernelCall] = []
        for (index, node) in graph.nodes.enumerated() where node.operation.view == nil {
            let inputs = try node.inputs.map { value throws(GraphError) in try operand(value) }
            let outputs = try node.outputs.map { value throws(GraphError) in try operand(value) }
            if (inputs + outputs).allSatisfy({ $0.count == 1 }) {
                calls.append(
                    KernelCall(
                        operation: node.operation, inputs: inputs.map { $0[0].reference }, outputs: outputs.map { $0[0].reference },
                        node: index))
            } else {
                try split(node, index, inputs, outputs, into: &calls)
            }
        }
        return calls
    }

    private func operand(_ value: ValueID) throws(GraphError) -> [Piece] {
        guard let location = assignment.locations[value.index] else { throw .undefinedValue(graph.values[value.index].name) }
        let found = pieces(of: location, graph.type(of: value))
        if found.isEmpty { throw .undefinedValue(graph.values[value.index].name) }
        return found
    }

    private func split(_ node: Node, _ index: Int, _ inputs: [[Piece]], _ outputs: [[Piece]], into calls: inout [KernelCall])
        throws(GraphError)
    {
        let inputTypes = node.inputs.map { graph.type(of: $0) }
        let outputTypes = node.outputs.map { graph.type(of: $0) }
        func tooLarge(_ value: ValueID) -> GraphError {
            .tensorTooLarge(
                name: graph.values[value.index].name, byteCount: graph.type(of: value).byteCount, limit: limits.maximumTensorBytes,
                operation: node.operation.name)
        }
        let values = node.inputs + node.outputs
        let operands = inputs + outputs
        guard let partition = node.operation.partition(inputs: inputTypes, outputs: outputTypes) else {
            throw tooLarge(values[operands.firstIndex { $0.count > 1 } ?? 0])
        }
        let axes = partition.inputs + partition.outputs
        var cuts: [Character: Set<Int>] = [:]
        var lengths: [Character: Int] = [:]
        for (position, pieces) in operands.enumerated() {
            if let axis = axes[position].rows { lengths[axis] = graph.type(of: values[position]).rows }
            guard pieces.count > 1 else { continue }
            guard let axis = axes[position].rows else { throw tooLarge(values[position]) }
            cuts[axis, default: []].formUnion(pieces.map(\.rows.lowerBound))
        }
        // All combinations of the ranges between cuts, the last axis running fastest.
        var combinations: [[Character: Range<Int>]] = [[:]]
        for axis in cuts.keys.sorted() {
            let starts = (cuts[axis] ?? []).union([0]).sorted()
            let ends = starts.dropFirst() + [lengths[axis] ?? 0]
            combinations = combinations.flatMap { known in
                zip(starts, ends).map { known.merging([axis: $0..<$1]) { $1 } }
            }
        }
        for ranges in combinations {
            var operation = node.operation
            var isFirst = true
            for (axis, range) in ranges.sorted(by: { $0.key < $1.key }) {
                let isFirstOfAxis = range.lowerBound == 0
                if partition.reduced.contains(axis), !isFirstOfAxis { isFirst = false }
                if let piece = partition.operation(axis, range, isFirstOfAxis) { operation = piece }
            }
            var references: [TensorReference] = []
            for (position, pieces) in operands.enumerated() {
                references.append(try part(of: pieces, axes[position], ranges, tooLarge(values[position])))
            }
            var pieceInputs = Array(references.prefix(inputs.count))
            let pieceOutputs = Array(references.dropFirst(inputs.count))
            if !isFirst, let accumulator = partition.accumulatorInput {
                if accumulator < pieceInputs.count {
                    pieceInputs[accumulator] = pieceOutputs[0]
                } else {
                    pieceInputs.append(pieceOutputs[0])
                }
            }
            calls.append(KernelCall(operation: operation, inputs: pieceInputs, outputs: pieceOutputs, node: index))
        }
    }

    private func part(
        of pieces: [Piece], _ axes: Partition.OperandAxes, _ ranges: [Character: Range<Int>], _ failure: @autoclosure () -> GraphError
    ) throws(GraphError) -> TensorReference {
        var result: TensorReference
        if let axis = axes.rows, let range = ranges[axis] {
            guard let piece = pieces.first(where: { $0.rows.lowerBound <= range.lowerBound && range.upperBound <= $0.rows.upperBound })
            else {
                throw failure()
            }
            result = piece.reference.rows((range.lowerBound - piece.rows.lowerBound)..<(range.upperBound - piece.rows.lowerBound))
        } else {
            guard pieces.count == 1 else { throw failure() }
            result = pieces[0].reference
        }
        if let axis = axes.columns, let range = ranges[axis] { result = result.columns(range) }
        return result
    }
}
