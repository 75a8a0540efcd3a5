import Tensors

/// Turns a graph into a plan: decides where every value lives and cuts what is too large for one
/// buffer.
///
/// 1. Operands that a kernel needs whole are copied out of memory that has to be cut
///   (``WholeOperands``).
/// 2. Views and concatenations become places inside other values (``StorageAssignment``).
/// 3. Each piece of memory gets an offset in a block of the arena, shared by values that do not
///   live at the same time (``ArenaAllocation``).
/// 4. Each node becomes one kernel call, or several over pieces of its operands (``Lowering``).
/// The result depends on nothing but the graph, the layout and the limits.
package struct Planner: Sendable {
    package var limits: MemoryLimits
    package var layout: PersistentLayout

    package init(limits: MemoryLimits, layout: PersistentLayout) {
        self.limits = limits
        self.layout = layout
    }

    /// - Throws: ``GraphError/tensorTooLarge(name:byteCount:limit:operation:)`` where an operand
    ///   neither fits the device nor can be split, ``GraphError/undefinedValue(_:)`` where the
    ///   layout lacks a persistent tensor.
    package func plan(_ graph: Graph) throws(GraphError) -> Plan {
        let graph = try WholeOperands.copied(in: ConcatenationCopies.inserted(into: graph), limits: limits)
        let assignment = try StorageAssignment(graph)
        var arena = ArenaAllocation(limits: limits)
        var exchange = ArenaAllocation(limits: limits)
        var placements: [Placement] = []
        for storage in assignment.storages {
            switch storage.kind {
            case .persistent(let key):
                guard let placement = layout.placements[key] else { throw .undefinedValue(key) }
                placements.append(placement)
            case .transient, .exchange:
                let rows = try RowSplit.pieces(of: storage.type, named: storage.name, limits: limits)
                let isTransient = storage.kind == .transient
                placements.append(
                    Placement(
                        rows.map { count in
                            let type = TensorType(rows: count, columns: storage.type.columns, storage.type.elementType)
                            // The request's number stands in the reference until the arena has been
                            // laid out.
                            let request =
                                isTransient
                                ? arena.request(byteCount: type.byteCount, first: storage.firstUse, last: storage.lastUse)
                                : exchange.request(byteCount: type.byteCount, first: 0, last: .max)
                            return PersistentLayout.reference(
                                type, block: request, byteOffset: 0, space: isTransient ? .transient : .exchange)
                        }))
            }
        }
        arena.allocate()
        exchange.allocate()
        placements = placements.map { placement in
            Placement(
                placement.pieces.map { piece in
                    guard piece.space != .persistent else { return piece }
                    let place = (piece.space == .transient ? arena : exchange).places[piece.block]
                    var placed = piece
                    (placed.block, placed.byteOffset) = (place.block, place.byteOffset)
                    return placed
                })
        }
        let lowering = Lowering(graph: graph, assignment: assignment, placements: placements, limits: limits)
        var hostReferences: [Bool: [String: TensorReference]] = [:]
        for value in graph.values where value.role == .input || value.role == .output {
            guard let location = assignment.locations[value.id.index] else { continue }
            let pieces = lowering.pieces(of: location, value.type)
            guard pieces.count == 1, let reference = pieces.first?.reference else {
                throw .tensorTooLarge(
                    name: value.name, byteCount: value.type.byteCount, limit: limits.maximumTensorBytes,
                    operation: "the exchange with the host")
            }
            hostReferences[value.role == .input, default: [:]][value.name] = reference
        }
        return Plan(
            calls: try lowering.calls(), transientBlocks: arena.blocks, exchangeBlocks: exchange.blocks,
            inputs: hostReferences[true] ?? [:], outputs: hostReferences[false] ?? [:], cost: graph.cost)
    }
}

/// Gives every concatenation inputs that can be computed in their place: what cannot (a view, an
/// input, a persistent tensor, a value that stands in two concatenations) is copied first.
enum ConcatenationCopies {
    static func inserted(into graph: Graph) throws(GraphError) -> Graph {
        var isComputed = [Bool](repeating: false, count: graph.values.count)
        for node in graph.nodes where node.operation.view == nil {
            for output in node.outputs where graph.values[output.index].role == .temporary { isComputed[output.index] = true }
        }
        var result = graph
        result.nodes = []
        var isTaken: Set<ValueID> = []
        for node in graph.nodes {
            var node = node
            if node.operation.view?.isConcatenation == true {
                for (index, input) in node.inputs.enumerated() where !isComputed[input.index] || !isTaken.insert(input).inserted {
                    result.currentSegment = node.segment
                    node.inputs[index] = try result.add(Convert(to: graph.type(of: input).elementType), [input], names: ["copy"])[0]
                }
            }
            result.nodes.append(node)
        }
        result.currentSegment = nil
        return result
    }
}
