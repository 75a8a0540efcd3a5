import Glibc
import JSON
package import Storage

/// Writes a safetensors file tensor by tensor: the header first, from shapes alone, then the data
/// in the same order. One owner at a time; not `~Copyable`, over which Swift 6.0.3 crashes when it
/// optimises.
package struct SafetensorsWriter {
    package struct Entry: Sendable, Hashable {
        package var name: String
        package var shape: [Int]
        package var elementType: ElementType

        package init(name: String, shape: [Int], elementType: ElementType) {
            self.name = name
            self.shape = shape
            self.elementType = elementType
        }

        package var byteCount: Int { shape.reduce(elementType.byteCount, *) }
    }
    private let file: NewFile
    private var remaining: Int

    /// Creates the file, which must not exist, and writes the header. The data starts at a multiple
    /// of 64 bytes.
    package init(path: String, entries: [Entry], metadata: [String: String] = ["format": "pt"]) throws(StorageError) {
        var offset = 0
        var members = [
            JSONMember("__metadata__", JSONNode(metadata.sorted { $0.key < $1.key }.map { JSONMember($0.key, JSONNode($0.value)) }))
        ]
        for entry in entries {
            let end = offset + entry.byteCount
            members.append(
                JSONMember(
                    entry.name,
                    [
                        "dtype": JSONNode(entry.elementType.safetensorsName), "shape": JSONNode(entry.shape.map { JSONNode($0) }),
                        "data_offsets": [JSONNode(offset), JSONNode(end)],
                    ]))
            offset = end
        }
        var header = JSONWriter().bytes(JSONNode(members))
        while (8 + header.count) % 64 != 0 { header.append(UInt8(ascii: " ")) }
        let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
        let file = try NewFile(path, reserving: 8 + header.count + offset)
        try file.append(length + header)
        self.file = file
        remaining = offset
    }

    /// Writes the next bytes of data.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        guard bytes.count <= remaining else {
            throw StorageError(operation: "write past the tensors of", path: file.path, errorNumber: EINVAL)
        }
        remaining -= bytes.count
        try file.append(bytes)
    }

    /// Syncs and closes the file. All tensors must have been written.
    package func finish() throws(StorageError) {
        guard remaining == 0 else { throw StorageError(operation: "finish incomplete", path: file.path, errorNumber: EINVAL) }
        try file.finish()
    }
}
