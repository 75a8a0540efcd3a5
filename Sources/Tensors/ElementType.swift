/// How one number of a tensor is stored.
package enum ElementType: String, Sendable, Hashable, CaseIterable {
    case float32
    case float16
    case bfloat16
    case int32
    case int64
    case int8
    case uint8
    case boolean

    /// Bytes that one element takes.
    package var byteCount: Int {
        switch self {
        case .int64: 8
        case .float32, .int32: 4
        case .float16, .bfloat16: 2
        case .int8, .uint8, .boolean: 1
        }
    }

    package var isFloatingPoint: Bool {
        switch self {
        case .float32, .float16, .bfloat16: true
        default: false
        }
    }
}
