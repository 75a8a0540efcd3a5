import Tensors

/// Copies operands that a kernel needs in one piece out of memory that will be cut, where they
/// themselves fit: the keys and values of a fused projection whose result is larger than one
/// buffer, and their gradients.
enum WholeOperands {
    static func copied(in graph: Graph, limits: MemoryLimits) throws(GraphError) -> Graph {
        let limit = min(limits.maximumTensorBytes, limits.maximumBlockBytes)
        let isCut = { (type: TensorType) in RowSplit.aligned(type.byteCount, limits.alignment) > limit }
        guard graph.values.contains(where: { isCut($0.type) }) else { return graph }
        let assignment = try StorageAssignment(graph)
        /// Whether a value that fits lies in memory that does not.
        func needsCopy(_ value: ValueID, _ axes: Partition.OperandAxes?) -> Bool {
            guard axes?.rows == nil, graph.type(of: value).elementType.isFloatingPoint, !isCut(graph.type(of: value)),
                let location = assignment.locations[value.index]
            else { return false }
            return isCut(assignment.storages[location.storage].type)
        }
        var result = graph
        result.nodes = []
        for node in graph.nodes {
            guard node.operation.view == nil else {
                result.nodes.append(node)
                continue
            }
            let partition = node.operation.partition(
                inputs: node.inputs.map { graph.type(of: $0) }, outputs: node.outputs.map { graph.type(of: $0) })
            result.currentSegment = node.segment
            var node = node
            for (index, input) in node.inputs.enumerated() where needsCopy(input, partition?.inputs[index]) {
                node.inputs[index] = try result.add(Convert(to: graph.type(of: input).elementType), [input], names: ["copy"])[0]
            }
            var copies: [Node] = []
            for (index, output) in node.outputs.enumerated() where needsCopy(output, partition?.outputs[index]) {
                // The other way round: the kernel writes the new value, the copy writes what was
                // its result.
                node.outputs[index] = try result.add(Convert(to: graph.type(of: output).elementType), [output], names: ["copy"])[0]
                guard var copy = result.nodes.popLast() else { continue }
                (copy.inputs, copy.outputs) = ([node.outputs[index]], [output])
                copies.append(copy)
            }
            result.nodes.append(node)
            result.nodes += copies
        }
        result.currentSegment = nil
        return result
    }
}
