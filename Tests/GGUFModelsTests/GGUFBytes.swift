/// A GGUF file made by hand, whose every part can be made wrong.
struct GGUFBytes {
    enum Value {
        case raw(kind: UInt32, [UInt8])
        case uint32(UInt32)
        case int32(Int32)
        case float32(Float)
        case bool(UInt8)
        case string(String)
        case strings([String])
        case floats([Float])
        case int32s([Int32])
    }
    struct Tensor {
        var name: String
        /// Fastest first, as in the file.
        var sizes: [UInt64]
        var type: UInt32 = 0
        /// Nil: behind the tensor before.
        var offset: UInt64?
        var bytes: [UInt8]
    }
    var magic = Array("GGUF".utf8)
    var version: UInt32 = 3
    var keys: [(String, Value)] = []
    var tensors: [Tensor] = []
    var alignment = 32
    /// Nil: as many as there are.
    var tensorCount: UInt64?
    var keyCount: UInt64?

    static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        (0..<(Number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
    static func text(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }

    private static func bytes(_ value: Value) -> [UInt8] {
        func array(_ kind: UInt32, _ count: Int) -> [UInt8] { little(UInt32(9)) + little(kind) + little(UInt64(count)) }
        return switch value {
        case .raw(let kind, let bytes): little(kind) + bytes
        case .uint32(let number): little(UInt32(4)) + little(number)
        case .int32(let number): little(UInt32(5)) + little(number)
        case .float32(let number): little(UInt32(6)) + little(number.bitPattern)
        case .bool(let byte): little(UInt32(7)) + [byte]
        case .string(let string): little(UInt32(8)) + text(string)
        case .strings(let strings): array(8, strings.count) + strings.flatMap(text)
        case .floats(let numbers): array(6, numbers.count) + numbers.flatMap { little($0.bitPattern) }
        case .int32s(let numbers): array(5, numbers.count) + numbers.flatMap { little($0) }
        }
    }

    var bytes: [UInt8] {
        func padded(_ count: Int) -> Int { alignment > 0 ? (count + alignment - 1) / alignment * alignment : count }
        var file = magic + Self.little(version)
        file += Self.little(tensorCount ?? UInt64(tensors.count)) + Self.little(keyCount ?? UInt64(keys.count))
        for (key, value) in keys { file += Self.text(key) + Self.bytes(value) }
        var data: [UInt8] = []
        for tensor in tensors {
            file += Self.text(tensor.name) + Self.little(UInt32(tensor.sizes.count)) + tensor.sizes.flatMap { Self.little($0) }
            file += Self.little(tensor.type) + Self.little(tensor.offset ?? UInt64(data.count))
            data += tensor.bytes + [UInt8](repeating: 0, count: padded(tensor.bytes.count) - tensor.bytes.count)
        }
        return file + [UInt8](repeating: 0, count: padded(file.count) - file.count) + data
    }

    /// Two tensors, and a value of each kind.
    static let small: GGUFBytes = {
        var file = GGUFBytes()
        file.keys = [
            ("general.architecture", .string("llama")), ("general.name", .string("Tiny")), ("llama.block_count", .uint32(2)),
            ("llama.rope.freq_base", .float32(10_000)), ("x.flag", .bool(1)), ("x.words", .strings(["a", "", "\u{2581}b"])),
            ("x.scores", .floats([0, -1.5])), ("x.types", .int32s([1, -3])), ("x.byte", .raw(kind: 0, [200])),
            ("x.small", .raw(kind: 1, [0xFF])), ("x.long", .raw(kind: 10, little(UInt64(1) << 40))),
            ("x.double", .raw(kind: 12, little(Double(0.25).bitPattern))),
            ("x.heads", .int32s([4, 4, 4])), ("x.mixed", .int32s([4, 8])),
        ]
        file.tensors = [
            Tensor(name: "a.weight", sizes: [2, 3], bytes: (0..<24).map { UInt8($0) }),
            Tensor(name: "b.weight", sizes: [32, 2], type: 8, bytes: [UInt8](repeating: 1, count: 68)),
        ]
        return file
    }()
}
