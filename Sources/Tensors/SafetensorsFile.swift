import Storage
import JSON

/// A safetensors file, mapped and its header checked whole.
///
/// The format (huggingface/safetensors README): eight bytes of header length, little-endian; the
/// header, a JSON object; the data. Checked: the header's length, no key twice, known element
/// types, products without overflow, offsets that cover the data without hole or overlap.
package final class SafetensorsFile: Sendable {
    package let path: String
    /// In the order of their data.
    package let tensors: [StoredTensor]
    package let metadata: [String: String]

    /// The largest header that the reference implementation reads.
    static let headerLimit: UInt64 = 100_000_000

    /// - Throws: ``SafetensorsError``.
    package init(path: String) throws(SafetensorsError) {
        self.path = path
        let file: MappedFile
        do throws(StorageError) { file = try MappedFile(path: path) } catch {
            throw SafetensorsError(path: path, reason: .unreadable(error.description), errorNumber: error.errorNumber)
        }
        let bytes = file.bytes
        if let standIn = FileStandIn.description(of: bytes) { throw SafetensorsError(path: path, reason: .standIn(standIn)) }
        guard bytes.count >= 8 else { throw SafetensorsError(path: path, reason: .truncated(needed: 8, found: bytes.count)) }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= Self.headerLimit else {
            if let words = FileStandIn.words(of: bytes) {
                throw SafetensorsError(path: path, reason: .standIn("begins with `\(words)`: it is not a safetensors file"))
            }
            throw SafetensorsError(path: path, reason: .headerTooLarge(length))
        }
        let dataStart = 8 + Int(length)
        guard dataStart <= bytes.count else {
            throw SafetensorsError(path: path, reason: .truncated(needed: dataStart, found: bytes.count))
        }
        let header: JSONNode
        do throws(JSONError) {
            let text = UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart])
            header = try JSONParser(depthLimit: 8).parse(text.bindMemory(to: UInt8.self))
        } catch {
            throw SafetensorsError(path: path, reason: .headerNotJSON("\(error) at byte \(error.offset)"))
        }
        guard length > 0, bytes[8] == UInt8(ascii: "{"), let members = header.object else {
            throw SafetensorsError(path: path, reason: .headerNotObject)
        }
        let data = UnsafeRawBufferPointer(rebasing: bytes[dataStart...])
        var tensors: [(start: Int, tensor: StoredTensor)] = []
        var metadata: [String: String] = [:]
        for member in members {
            if member.key == "__metadata__" {
                guard let entries = member.node.object else {
                    throw SafetensorsError(
                        path: path, reason: .badEntry("__metadata__ is \(member.node.kindName), not an object of strings"))
                }
                for entry in entries {
                    guard let text = entry.node.string else {
                        throw SafetensorsError(
                            path: path, reason: .badEntry("__metadata__.\(entry.key) is \(entry.node.kindName), not a string"))
                    }
                    metadata[entry.key] = text
                }
                continue
            }
            tensors.append(try Self.tensor(member, data: data, file: file, path: path))
        }
        tensors.sort { ($0.start, $0.tensor.bytes.count) < ($1.start, $1.tensor.bytes.count) }
        var end = 0
        for (start, tensor) in tensors {
            if start > end { throw SafetensorsError(path: path, tensor: tensor.name, reason: .hole(at: end)) }
            if start < end { throw SafetensorsError(path: path, tensor: tensor.name, reason: .overlap(at: start)) }
            end = start + tensor.bytes.count
        }
        if end < data.count { throw SafetensorsError(path: path, reason: .trailingBytes(data.count - end)) }
        self.tensors = tensors.map(\.tensor)
        self.metadata = metadata
    }

    private static func tensor(
        _ member: JSONMember, data: UnsafeRawBufferPointer, file: MappedFile, path: String
    ) throws(SafetensorsError) -> (start: Int, tensor: StoredTensor) {
        let name = member.key
        func failure(_ reason: SafetensorsError.Reason) -> SafetensorsError { SafetensorsError(path: path, tensor: name, reason: reason) }
        guard let entries = member.node.object else { throw failure(.badEntry("its entry is \(member.node.kindName), not an object")) }
        for entry in entries where !["dtype", "shape", "data_offsets"].contains(entry.key) {
            throw failure(.badEntry("unknown key \(entry.key)"))
        }
        guard let typeName = member.node["dtype"]?.string else { throw failure(.badEntry("dtype is missing or is not a string")) }
        guard let axes = member.node["shape"]?.array else { throw failure(.badEntry("shape is missing or is not an array")) }
        guard let offsets = member.node["data_offsets"]?.array, offsets.count == 2 else {
            throw failure(.badEntry("data_offsets is missing or not two numbers"))
        }
        guard let elementType = ElementType(safetensorsName: typeName) else { throw failure(.unknownElementType(typeName)) }
        var byteCount = elementType.byteCount
        var shape: [Int] = []
        for axis in axes {
            guard case .integer(let size) = axis.value, size >= 0 else {
                throw failure(.badEntry("shape contains an entry that is not a size"))
            }
            let (product, overflow) = byteCount.multipliedReportingOverflow(by: size)
            if overflow { throw failure(.sizeOverflow) }
            byteCount = product
            shape.append(size)
        }
        guard case .integer(let start) = offsets[0].value, case .integer(let end) = offsets[1].value else {
            throw failure(.badEntry("data_offsets are not whole numbers"))
        }
        guard start >= 0, start <= end, end <= data.count else { throw failure(.offsetsOutside) }
        guard end - start == byteCount else { throw failure(.wrongByteCount(expected: byteCount, found: end - start)) }
        let bytes = UnsafeRawBufferPointer(rebasing: data[start..<end])
        return (start, StoredTensor(name: name, shape: shape, elementType: elementType, bytes: bytes, file: file))
    }
}

extension ElementType {
    /// The type that a safetensors header names, among those that occur in checkpoints of language
    /// models.
    package init?(safetensorsName: String) {
        switch safetensorsName {
        case "F32": self = .float32
        case "F16": self = .float16
        case "BF16": self = .bfloat16
        case "I64": self = .int64
        case "I32": self = .int32
        case "I8": self = .int8
        case "U8": self = .uint8
        case "BOOL": self = .boolean
        default: return nil
        }
    }

    package var safetensorsName: String {
        switch self {
        case .float32: "F32"
        case .float16: "F16"
        case .bfloat16: "BF16"
        case .int64: "I64"
        case .int32: "I32"
        case .int8: "I8"
        case .uint8: "U8"
        case .boolean: "BOOL"
        }
    }
}
