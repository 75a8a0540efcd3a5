import Glibc
package import Storage

/// Writes a GGUF file of version 3, little-endian, from front to back: its tensors are never in
/// memory as a whole. Equal input gives equal bytes.
package final class GGUFWriter {
    package struct Tensor: Sendable, Hashable {
        package var name: String
        /// Rows before columns, as a matrix is read; the file has them the other way round.
        package var shape: [Int]
        package var type: GGUFType

        package init(name: String, shape: [Int], type: GGUFType) { (self.name, self.shape, self.type) = (name, shape, type) }

        package var elementCount: Int { shape.reduce(1, *) }
        package var byteCount: Int { type.byteCount(elementCount) }
    }

    private static let alignment = 32
    private let file: NewFile
    private let tensors: [Tensor]
    private var next = 0
    /// Bytes of the tensor that is being written.
    private var written = 0

    /// About how large the file will be.
    package static func byteCount(_ tensors: [Tensor]) -> Int { tensors.reduce(1 << 20) { $0 + padded($1.byteCount) } }

    /// Begins a file that must not exist yet.
    /// - Throws: ``StorageError``.
    package init(_ path: String, metadata: [(String, GGUFValue)], tensors: [Tensor]) throws(StorageError) {
        self.tensors = tensors
        file = try NewFile(path)
        var head: [UInt8] = Array("GGUF".utf8) + UInt32(3).littleEndianBytes
        head += UInt64(tensors.count).littleEndianBytes + UInt64(metadata.count).littleEndianBytes
        for (key, value) in metadata { head += GGUFValue.bytes(of: key) + value.bytes }
        var offset = 0
        for tensor in tensors {
            head += GGUFValue.bytes(of: tensor.name) + UInt32(tensor.shape.count).littleEndianBytes
            for size in tensor.shape.reversed() { head += UInt64(size).littleEndianBytes }
            head += tensor.type.number.littleEndianBytes + UInt64(offset).littleEndianBytes
            offset += Self.padded(tensor.byteCount)
        }
        head += [UInt8](repeating: 0, count: Self.padded(head.count) - head.count)
        try file.append(head)
    }

    private static func padded(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }

    /// Adds numbers of the tensors in their order, whole rows at a time.
    /// - Throws: ``StorageError``; EINVAL if there are more than the tensor has.
    package func append(_ numbers: UnsafeBufferPointer<Float>) throws(StorageError) {
        guard next < tensors.count else {
            throw StorageError(operation: "write more tensors than announced to", path: file.path, errorNumber: EINVAL)
        }
        let tensor = tensors[next]
        let bytes = tensor.type.bytes(numbers)
        written += bytes.count
        guard written <= tensor.byteCount else {
            throw StorageError(operation: "write more of \(tensor.name) than it has to", path: file.path, errorNumber: EINVAL)
        }
        try file.append(bytes)
        guard written == tensor.byteCount else { return }
        try file.append([UInt8](repeating: 0, count: Self.padded(written) - written))
        (next, written) = (next + 1, 0)
    }

    /// Syncs and closes the file.
    /// - Throws: ``StorageError``; EINVAL if a tensor is missing.
    package func finish() throws(StorageError) {
        guard next == tensors.count else {
            throw StorageError(operation: "finish without \(tensors[next].name)", path: file.path, errorNumber: EINVAL)
        }
        try file.finish()
    }
}
