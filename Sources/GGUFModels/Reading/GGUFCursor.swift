/// A place in a GGUF file's head from which the next number or string is read. Nothing is read, and
/// nothing is taken for a length, that the file has not bytes for.
struct GGUFCursor {
    let path: String
    let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    /// Bytes behind the place.
    var left: Int { bytes.count - position }

    func fault(_ field: String?, _ message: String) -> GGUFFault { GGUFFault(path: path, field: field, message) }

    private func require(_ count: Int, _ field: String) throws(GGUFFault) {
        guard count <= left else {
            throw fault(field, "the file ends within it, at byte \(bytes.count): it is not whole, so download or copy it again")
        }
    }

    mutating func number<Number: FixedWidthInteger>(_ type: Number.Type, _ field: String) throws(GGUFFault) -> Number {
        let size = MemoryLayout<Number>.size
        try require(size, field)
        defer { position += size }
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Number.self))
    }

    /// A number of things of which each takes so many bytes at least.
    mutating func count(ofSize size: Int, _ field: String) throws(GGUFFault) -> Int {
        let claimed = try number(UInt64.self, field)
        guard let count = Int(exactly: claimed), count <= left / size else {
            throw fault(
                field, "claims \(claimed) elements, and the file has \(left) bytes left: it is damaged or cut, so download or copy it again"
            )
        }
        return count
    }

    /// A string's bytes: where they lie in the file.
    mutating func string(_ field: String) throws(GGUFFault) -> Range<Int> {
        let claimed = try number(UInt64.self, field)
        guard let count = Int(exactly: claimed), count <= left else {
            throw fault(
                field, "claims \(claimed) bytes of text, and the file has \(left) left: it is damaged or cut, so download or copy it again")
        }
        defer { position += count }
        return position..<(position + count)
    }

    /// A name: text of 1 to `limit` bytes.
    mutating func name(_ field: String, limit: Int) throws(GGUFFault) -> String {
        let range = try string(field)
        guard !range.isEmpty else { throw fault(field, "is empty") }
        guard range.count <= limit else { throw fault(field, "has \(range.count) bytes; \(limit) are allowed") }
        guard let name = String(validating: bytes[range], as: UTF8.self) else { throw fault(field, "is not UTF-8") }
        return name
    }

    /// Goes on behind so many bytes, which must be there.
    mutating func skip(_ count: Int, _ field: String) throws(GGUFFault) {
        try require(count, field)
        position += count
    }
}
