import Foundation

/// A GGUF file as a test reads it: metadata as text, tensors as bytes.
struct GGUFFile {
    struct Tensor: Hashable {
        var shape: [Int]
        var type: UInt32
        var bytes: [UInt8]
    }
    private(set) var metadata: [String: String] = [:]
    private(set) var tensors: [String: Tensor] = [:]

    /// Bytes of so many numbers of a type.
    private static func byteCount(_ type: UInt32, _ count: Int) -> Int {
        switch type {
        case 0: count * 4
        case 8: count / 32 * 34
        case 39: count / 32 * 17
        default: count * 2
        }
    }

    init(_ path: String) throws {
        let data = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        var position = 0
        func number(_ count: Int) -> UInt64 {
            defer { position += count }
            return data[position..<(position + count)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        func string() -> String {
            let count = Int(number(8))
            defer { position += count }
            return String(decoding: data[position..<(position + count)], as: UTF8.self)
        }
        func value(_ type: UInt64) -> String {
            switch type {
            case 4: "\(number(4))"
            case 5: "\(Int32(truncatingIfNeeded: number(4)))"
            case 6: "\(Float(bitPattern: UInt32(number(4))))"
            case 7: number(1) == 0 ? "false" : "true"
            case 8: string()
            case 9:
                {
                    let (inner, count) = (number(4), Int(number(8)))
                    return (0..<count).map { _ in value(inner) }.joined(separator: "\u{1}")
                }()
            default: "a value of type \(type)"
            }
        }
        guard number(4) == 0x4655_4747, number(4) == 3 else { throw CocoaError(.fileReadCorruptFile) }
        let (tensorCount, keyCount) = (Int(number(8)), Int(number(8)))
        for _ in 0..<keyCount {
            let key = string()
            metadata[key] = value(number(4))
        }
        var entries: [(name: String, shape: [Int], type: UInt32, offset: Int)] = []
        for _ in 0..<tensorCount {
            let name = string()
            let shape = (0..<Int(number(4))).map { _ in Int(number(8)) }
            entries.append((name, shape.reversed(), UInt32(number(4)), Int(number(8))))
        }
        let start = (position + 31) / 32 * 32
        for entry in entries {
            let place = start + entry.offset
            let count = Self.byteCount(entry.type, entry.shape.reduce(1, *))
            guard place % 32 == 0, place + count <= data.count else { throw CocoaError(.fileReadCorruptFile) }
            tensors[entry.name] = Tensor(shape: entry.shape, type: entry.type, bytes: Array(data[place..<(place + count)]))
        }
    }
}
