import Tensors

extension Plan: CustomStringConvertible {
    /// The plan as text: memory, host references and one line a kernel call, the same for the same
    /// plan.
    package var description: String {
        var lines = [
            "arena \(transientBlocks) bytes, exchange \(exchangeBlocks) bytes",
            "arithmetic \(Int(cost.floatingPointOperations)) floating-point operations",
        ]
        lines += inputs.sorted { $0.key < $1.key }.map { "input \($0.key) \($0.value)" }
        lines += outputs.sorted { $0.key < $1.key }.map { "output \($0.key) \($0.value)" }
        lines += calls.map { call in
            let outputs = call.outputs.map(\.description).joined(separator: ", ")
            let inputs = call.inputs.map(\.description).joined(separator: ", ")
            let attributes = call.operation.attributes
            return "\(outputs) = \(call.operation.name)(\(inputs))" + (attributes.isEmpty ? "" : " {\(attributes)}")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension TensorReference: CustomStringConvertible {
    /// For example `transient0+4096[64x576:1152]float32`: space and block, byte offset, rows,
    /// columns, row stride where it is larger, element type.
    package var description: String {
        "\(space.rawValue)\(block)+\(byteOffset)[\(rows)x\(columns)\(rowStride == columns ? "" : ":\(rowStride)")]\(elementType.rawValue)"
    }
}
