package import Storage
import JSON

/// A GGUF file of version 2 or 3, mapped, its head read and checked whole.
///
/// The format (ggml, docs/gguf.md; gguf.cpp): magic, version, numbers of tensors and of keys; keys
/// with their values; the tensors' names, sizes, types and offsets; from the next multiple of the
/// alignment on the numbers. Checked before anything is made of it: every count and length against
/// the bytes that are there, types, names that stand twice, products without overflow, rows of
/// whole blocks, offsets that are aligned and lie in the file, no two tensors in one place. Gaps
/// between tensors are let be. What keys and tensors mean is not looked at here.
package final class GGUFFile: Sendable {
    package struct Tensor: Sendable, Hashable {
        package let name: String
        /// Rows before columns, as a matrix is read; the file has them the other way round.
        package let shape: [Int]
        package let type: GGUFStoredType
        /// Where its numbers lie in the file.
        package let place: Range<Int>
    }

    package let path: String
    package let version: Int
    package let metadata: GGUFMetadata
    /// In the order of the file's table.
    package let tensors: [Tensor]
    /// The mapped file; nil where its bytes were given.
    package let file: MappedFile?

    /// - Throws: ``GGUFFault``.
    package convenience init(path: String) throws(GGUFFault) {
        let file: MappedFile
        do throws(StorageError) { file = try MappedFile(path: path) } catch {
            throw GGUFFault(path: path, errorNumber: error.errorNumber, "\(error)")
        }
        try self.init(path: path, bytes: file.bytes, file: file)
    }

    /// - Parameter bytes: a whole file; valid as long as this value is used.
    /// - Throws: ``GGUFFault``.
    package convenience init(path: String, bytes: UnsafeRawBufferPointer) throws(GGUFFault) {
        try self.init(path: path, bytes: bytes, file: nil)
    }

    private init(path: String, bytes: UnsafeRawBufferPointer, file: MappedFile?) throws(GGUFFault) {
        (self.path, self.file) = (path, file)
        var cursor = GGUFCursor(path: path, bytes: bytes)
        version = try Self.version(&cursor)
        let tensorCount = try cursor.number(UInt64.self, "tensor_count")
        let keyCount = try cursor.number(UInt64.self, "metadata_kv_count")
        // An entry takes 13 bytes at least: a name's length, a type, a value; a tensor 24: a name's
        // length, the number of its axes, type, offset.
        guard let tensorCount = Int(exactly: tensorCount), tensorCount <= cursor.left / 24 else {
            throw cursor.fault("tensor_count", "claims \(tensorCount) tensors, and the file has \(cursor.left) bytes left")
        }
        guard let keyCount = Int(exactly: keyCount), keyCount <= cursor.left / 13 else {
            throw cursor.fault("metadata_kv_count", "claims \(keyCount) keys, and the file has \(cursor.left) bytes left")
        }
        metadata = try GGUFMetadata(&cursor, count: keyCount, owner: file)
        let alignment = try metadata.integer("general.alignment", in: 1...(1 << 20)) ?? 32
        guard alignment.nonzeroBitCount == 1 else { throw cursor.fault("general.alignment", "\(alignment) is no power of two") }
        tensors = try Self.tensors(&cursor, count: tensorCount, alignment: alignment)
    }

    private static func version(_ cursor: inout GGUFCursor) throws(GGUFFault) -> Int {
        let bytes = cursor.bytes
        guard !bytes.isEmpty else { throw cursor.fault(nil, "is empty: download or copy it again") }
        if let standIn = FileStandIn.description(of: bytes.prefix(1024)) { throw cursor.fault(nil, standIn) }
        guard bytes.prefix(4).elementsEqual("GGUF".utf8) else {
            let older = ["ggml", "ggmf", "ggjt", "lmgg", "fmgg", "tjgg"].contains { bytes.prefix(4).elementsEqual($0.utf8) }
            throw cursor.fault(
                nil,
                older
                    ? "is of a format before GGUF, which nobody reads any more: convert the model anew with llama.cpp of today"
                    : "does not begin with GGUF: it is no GGUF file")
        }
        try cursor.skip(4, "magic")
        let version = try cursor.number(UInt32.self, "version")
        switch version {
        case 2, 3: return Int(version)
        case 1: throw cursor.fault("version", "is 1, which has other lengths and is read by nobody: convert the model anew with llama.cpp")
        case let other where UInt32(2)...3 ~= other.byteSwapped:
            throw cursor.fault("version", "the file was written for a big-endian machine: convert the model anew for a little-endian one")
        default: throw cursor.fault("version", "is \(version), and 2 and 3 are known: the file is damaged, or newer than this program")
        }
    }

    /// A tensor's entry before it is known where the numbers begin.
    private struct Entry {
        var name: String
        var shape: [Int]
        var type: GGUFStoredType
        var offset: Int
        var byteCount: Int
    }

    private static func entry(_ cursor: inout GGUFCursor, _ index: Int, of count: Int, alignment: Int) throws(GGUFFault) -> Entry {
        // llama.cpp's names have fewer than 64 bytes.
        let name = try cursor.name("tensor \(index + 1) of \(count)", limit: 63)
        let shown = GGUFFault.shown(name)
        let axes = try cursor.number(UInt32.self, shown)
        guard (1...4).contains(axes) else { throw cursor.fault(shown, "has \(axes) dimensions; 1 to 4 are possible") }
        var sizes: [Int] = []
        var elements = 1
        for _ in 0..<axes {
            let claimed = try cursor.number(UInt64.self, shown)
            guard let size = Int(exactly: claimed), size > 0 else { throw cursor.fault(shown, "has a dimension of \(claimed)") }
            let (product, overflows) = elements.multipliedReportingOverflow(by: size)
            guard !overflows else { throw cursor.fault(shown, "has more elements than can be counted") }
            elements = product
            sizes.append(size)
        }
        let (type, problem) = GGUFStoredType.named(try cursor.number(UInt32.self, shown))
        guard let type else { throw cursor.fault(shown, problem) }
        guard let columns = sizes.first, columns % type.blockLength == 0 else {
            throw cursor.fault(
                shown, "has rows of \(sizes.first ?? 0) elements, which are no whole blocks of \(type.blockLength) (\(type.name))")
        }
        let (byteCount, overflows) = (elements / type.blockLength).multipliedReportingOverflow(by: type.blockBytes)
        guard !overflows else { throw cursor.fault(shown, "has more bytes than can be counted") }
        let claimed = try cursor.number(UInt64.self, shown)
        guard let offset = Int(exactly: claimed), offset % alignment == 0 else {
            throw cursor.fault(shown, "begins at the offset \(claimed), which is no multiple of the alignment \(alignment)")
        }
        return Entry(name: name, shape: sizes.reversed(), type: type, offset: offset, byteCount: byteCount)
    }

    private static func tensors(_ cursor: inout GGUFCursor, count: Int, alignment: Int) throws(GGUFFault) -> [Tensor] {
        var entries: [Entry] = []
        var names: Set<String> = []
        for index in 0..<count {
            let entry = try entry(&cursor, index, of: count, alignment: alignment)
            guard names.insert(entry.name).inserted else { throw cursor.fault(GGUFFault.shown(entry.name), "stands twice") }
            entries.append(entry)
        }
        let total = cursor.bytes.count
        // No number here is larger than the file and an alignment.
        let start = (cursor.position + alignment - 1) / alignment * alignment
        var tensors: [Tensor] = []
        for entry in entries {
            let room = total - start
            guard room >= 0, entry.offset <= room, entry.byteCount <= room - entry.offset else {
                throw cursor.fault(
                    GGUFFault.shown(entry.name),
                    "takes \(entry.byteCount) bytes from offset \(entry.offset) on, and the file has \(max(0, room)) bytes of data: "
                        + "it is not whole, so download or copy it again")
            }
            let first = start + entry.offset
            tensors.append(Tensor(name: entry.name, shape: entry.shape, type: entry.type, place: first..<(first + entry.byteCount)))
        }
        var end = start
        for tensor in tensors.sorted(by: { $0.place.lowerBound < $1.place.lowerBound }) {
            guard tensor.place.lowerBound >= end else {
                throw cursor.fault(GGUFFault.shown(tensor.name), "shares its bytes with another tensor: the file is damaged")
            }
            end = tensor.place.upperBound
        }
        return tensors
    }
}
