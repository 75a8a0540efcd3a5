import Tensors

/// What a program computes: values and the nodes that compute them, in an order in which every
/// value is computed before it is read.
///
/// Typed single static assignment: a value is defined once, by the host, by a node, or by living in
/// persistent memory. Memory is not a subject here; the planner decides where values live.
package struct Graph: Sendable {
    package private(set) var values: [Value] = []
    package internal(set) var nodes: [Node] = []
    /// Tensors that outlive the program, by key. The same keys in two graphs mean the same memory.
    package private(set) var persistentTensors: [PersistentTensor] = []
    /// The layer that nodes added now belong to.
    package var currentSegment: Int?
    private var persistentValues: [String: ValueID] = [:]
    /// For each input of key ranges the input of query ranges that says the same from the keys'
    /// side.
    private(set) var queryRangesOfKeyRanges: [ValueID: ValueID] = [:]

    package init() {}

    package func type(of value: ValueID) -> TensorType { values[value.index].type }

    /// A value that the host writes before each run.
    package mutating func input(_ name: String, _ type: TensorType) -> ValueID { define(name, type, .input) }

    /// The value of a tensor that outlives the program; asking twice for one key gives one value.
    package mutating func persistent(_ tensor: PersistentTensor) -> ValueID {
        if let known = persistentValues[tensor.key] { return known }
        let value = define(tensor.key, tensor.type, .persistent(key: tensor.key))
        persistentValues[tensor.key] = value
        persistentTensors.append(tensor)
        return value
    }

    /// Applies an operation; its outputs are named after the operation unless names are given.
    /// - Throws: ``GraphError/operandMismatch(operation:reason:)`` where the operands do not fit.
    @discardableResult
    package mutating func add(_ operation: any Operation, _ inputs: [ValueID], names: [String] = []) throws(GraphError) -> [ValueID] {
        let types = try operation.outputTypes(for: inputs.map { type(of: $0) })
        var outputs: [ValueID] = []
        for (index, type) in types.enumerated() {
            outputs.append(define(index < names.count ? names[index] : operation.name, type, .temporary))
        }
        nodes.append(Node(operation: operation, inputs: inputs, outputs: outputs, segment: currentSegment))
        return outputs
    }

    /// Makes a computed value one that the host reads after the run, under this name.
    package mutating func markOutput(_ value: ValueID, _ name: String) { redefine(value, name, .output) }

    /// Makes a node's output live in a persistent tensor's memory: the node computes that tensor's
    /// next content, in place.
    package mutating func store(_ value: ValueID, into key: String) { redefine(value, key, .persistent(key: key)) }

    /// Declares that two inputs describe one visibility of keys to queries, seen from either side.
    package mutating func pair(keyRanges: ValueID, queryRanges: ValueID) { queryRangesOfKeyRanges[keyRanges] = queryRanges }

    private mutating func define(_ name: String, _ type: TensorType, _ role: Value.Role) -> ValueID {
        let id = ValueID(values.count)
        values.append(Value(id: id, name: name, type: type, role: role))
        return id
    }

    private mutating func redefine(_ value: ValueID, _ name: String, _ role: Value.Role) {
        values[value.index] = Value(id: value, name: name, type: values[value.index].type, role: role)
    }

    /// Removes the nodes that compute nothing which an output or a persistent tensor depends on.
    package mutating func removeDeadNodes() {
        var isLive = [Bool](repeating: false, count: values.count)
        var kept: [Node] = []
        for node in nodes.reversed() {
            let isNeeded = node.outputs.contains { output in
                if isLive[output.index] { return true }
                return values[output.index].role != .temporary
            }
            guard isNeeded else { continue }
            for input in node.inputs { isLive[input.index] = true }
            kept.append(node)
        }
        nodes = kept.reversed()
    }

    /// The arithmetic and memory traffic of one run of all nodes.
    package var cost: Cost {
        nodes.reduce(.zero) { sum, node in
            sum + node.operation.cost(inputs: node.inputs.map { type(of: $0) }, outputs: node.outputs.map { type(of: $0) })
        }
    }
}

extension Graph: CustomStringConvertible {
    /// One line a node: outputs, operation, inputs, attributes.
    package var description: String {
        nodes.map { node in
            let name = { (value: ValueID) in "%\(value.index):\(values[value.index].name)" }
            let outputs = node.outputs.map { "\(name($0)) \(type(of: $0))" }.joined(separator: ", ")
            return "\(outputs) = \(node.operation.name)(\(node.inputs.map(name).joined(separator: ", "))) \(node.operation.attributes)"
        }.joined(separator: "\n")
    }
}
