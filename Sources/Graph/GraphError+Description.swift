extension GraphError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .operandMismatch(let operation, let reason): "\(operation): \(reason)"
        case .notDifferentiable(let operation): "\(operation) has no gradient"
        case .tensorTooLarge(let name, let byteCount, let limit, let operation):
            "tensor \(name) of \(byteCount) bytes is larger than the \(limit) bytes that the device can address at once, "
                + "and \(operation) cannot be split: lower max_length or choose another device"
        case .undefinedValue(let name): "value \(name) is used but nothing defines it"
        }
    }
}
