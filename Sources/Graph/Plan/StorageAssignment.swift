import Tensors

/// Which values share memory: views lie in what they view, inputs of a concatenation in its result,
/// and the result of an in-place operation in its dying input.
struct StorageAssignment {
    /// A piece of memory of its own, in which one or more values lie.
    struct Storage {
        enum Kind: Hashable {
            case transient
            case exchange
            case persistent(key: String)
        }
        var name: String
        var type: TensorType
        var kind: Kind
        /// The first and last node that touch the storage.
        var firstUse = Int.max
        var lastUse = Int.min
    }
    /// A value's place inside a storage.
    struct Location: Hashable {
        var storage: Int
        var row = 0
        var column = 0
    }
    private(set) var storages: [Storage] = []
    /// By value index; nil for values that no node mentions.
    private(set) var locations: [Location?]

    private let graph: Graph
    private var storageOfKey: [String: Int] = [:]

    init(_ graph: Graph) throws(GraphError) {
        self.graph = graph
        locations = Array(repeating: nil, count: graph.values.count)
        let uses = Uses(graph)
        // From the last node to the first: a result's place is known before its operands', so
        // operands can be put there.
        for (index, node) in graph.nodes.enumerated().reversed() {
            if case .parts = node.operation.view { continue }
            for output in node.outputs where locations[output.index] == nil { locations[output.index] = fresh(output) }
            if let view = node.operation.view {
                placeOperands(of: node, view)
            } else {
                reuseOperands(of: node, at: index, uses)
            }
        }
        for value in graph.values where value.role != .temporary && locations[value.id.index] == nil {
            locations[value.id.index] = fresh(value.id)
        }
        // Views follow what they view; bases come before views in the order of nodes.
        for node in graph.nodes {
            guard let base = node.inputs.first.flatMap({ locations[$0.index] }) else {
                throw .undefinedValue(node.inputs.first.map { graph.values[$0.index].name } ?? node.operation.name)
            }
            guard case .parts(let corners) = node.operation.view else { continue }
            for (output, corner) in zip(node.outputs, corners) {
                locations[output.index] = Location(
                    storage: base.storage, row: base.row + corner.row, column: base.column + corner.column)
            }
        }
        for (index, node) in graph.nodes.enumerated() {
            for value in node.inputs + node.outputs {
                guard let storage = locations[value.index]?.storage else { throw .undefinedValue(graph.values[value.index].name) }
                storages[storage].firstUse = min(storages[storage].firstUse, index)
                storages[storage].lastUse = max(storages[storage].lastUse, index)
            }
        }
    }

    private mutating func fresh(_ value: ValueID) -> Location {
        let value = graph.values[value.index]
        let kind: Storage.Kind
        switch value.role {
        case .temporary: kind = .transient
        case .input, .output: kind = .exchange
        case .persistent(let key):
            // Every version of a persistent tensor is the same memory.
            if let known = storageOfKey[key] { return Location(storage: known) }
            storageOfKey[key] = storages.count
            kind = .persistent(key: key)
        }
        storages.append(Storage(name: value.name, type: value.type, kind: kind))
        return Location(storage: storages.count - 1)
    }

    private mutating func placeOperands(of node: Node, _ view: OperandView) {
        guard var place = locations[node.outputs[0].index] else { return }
        for input in node.inputs {
            if locations[input.index] == nil { locations[input.index] = place }
            if view == .sideBySide {
                place.column += graph.type(of: input).columns
            } else {
                place.row += graph.type(of: input).rows
            }
        }
    }

    private mutating func reuseOperands(of node: Node, at index: Int, _ uses: Uses) {
        for (output, input) in node.operation.inPlaceInputs.sorted(by: { $0.key < $1.key }) {
            guard output < node.outputs.count, input < node.inputs.count else { continue }
            let value = node.inputs[input]
            let result = node.outputs[output]
            guard locations[value.index] == nil, uses.isComputedAlone[value.index], uses.last[value.index] == index,
                graph.type(of: value) == graph.type(of: result), node.inputs.filter({ $0 == value }).count == 1,
                let location = locations[result.index]
            else { continue }
            if case .persistent = storages[location.storage].kind { continue }
            locations[value.index] = location
        }
    }

    /// Who reads which value last, and which values an operation may overwrite.
    private struct Uses {
        /// The index of the last node that reads the value.
        var last: [Int]
        /// Temporary, computed by a kernel, neither viewed nor part of a concatenation.
        var isComputedAlone: [Bool]

        init(_ graph: Graph) {
            last = Array(repeating: -1, count: graph.values.count)
            isComputedAlone = Array(repeating: false, count: graph.values.count)
            for (index, node) in graph.nodes.enumerated() {
                for input in node.inputs { last[input.index] = index }
                guard node.operation.view == nil else { continue }
                for output in node.outputs where graph.values[output.index].role == .temporary { isComputedAlone[output.index] = true }
            }
            for node in graph.nodes where node.operation.view != nil {
                for input in node.inputs { isComputedAlone[input.index] = false }
            }
        }
    }
}
