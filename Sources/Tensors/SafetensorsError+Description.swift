extension SafetensorsError: CustomStringConvertible {
    package var description: String {
        "\(path): " + (tensor.map { "tensor \($0): " } ?? "") + text
    }

    private var text: String {
        switch reason {
        case .truncated(let needed, let found): "the file ends early: \(needed) bytes are needed, it has \(found)"
        case .headerTooLarge(let count): "the header claims \(count) bytes; 100000000 are allowed, and no more than the file has"
        case .headerNotJSON(let message): "the header is not valid JSON: \(message)"
        case .headerNotObject: "the header is not a JSON object"
        case .badEntry(let message): message
        case .unknownElementType(let name): "unknown element type \(name)"
        case .sizeOverflow: "the shape's product is too large"
        case .wrongByteCount(let expected, let found): "shape and element type need \(expected) bytes, data_offsets give \(found)"
        case .offsetsOutside: "data_offsets lie outside the file or are in the wrong order"
        case .hole(let offset): "no tensor covers the data from byte \(offset) on"
        case .overlap(let offset): "two tensors share the data at byte \(offset)"
        case .trailingBytes(let count): "\(count) bytes at the end belong to no tensor"
        case .missingTensor: "is not in the checkpoint"
        case .badIndex(let message): message
        case .unreadable(let message): message
        case .standIn(let message): message
        case .otherWeights(let names, let advice):
            "holds weights that are not read (\(names.prefix(5).joined(separator: ", "))"
                + (names.count > 5 ? " and \(names.count - 5) more" : "")
                + "), and nothing is trained from random numbers beside them: \(advice)"
        }
    }
}
