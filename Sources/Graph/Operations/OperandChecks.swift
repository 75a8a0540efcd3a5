extension Operation {
    /// Checks the number of operands.
    func requireCount(_ inputs: [TensorType], _ count: Int) throws(GraphError) {
        try require(inputs.count == count, "takes \(count) operands, not \(inputs.count)")
    }

    func require(_ condition: Bool, _ reason: @autoclosure () -> String) throws(GraphError) {
        if !condition { throw .operandMismatch(operation: name, reason: reason()) }
    }
}
