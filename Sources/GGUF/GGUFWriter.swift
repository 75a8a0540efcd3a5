import Glibc
package import Storage

/// Writes a GGUF file of version 3, little-endian, from front to back: its tensors are never in
/// memory as a whole. Equal input gives equal bytes, and a file that was broken off is gone on with
/// at a tensor that was not whole.
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
    private let path: String
    private let file: PartialFile
    private let tensors: [Tensor]
    /// The tensor that comes next: those before it are in the file.
    package private(set) var next = 0
    /// Bytes of the tensor that is being written.
    private var written = 0

    /// About how large the file will be.
    package static func byteCount(_ tensors: [Tensor]) -> Int { tensors.reduce(1 << 20) { $0 + padded($1.byteCount) } }

    /// Begins a file, or goes on with one of the same head and sources. What is at the path stays
    /// until ``finish()``.
    /// - Parameters:
    ///   - sources: a digest of what the numbers come from.
    ///   - interval: bytes after which what is written is made to outlive a power cut.
    /// - Throws: ``StorageError``: ENOSPC at once where there is no room.
    package init(
        _ path: String, metadata: [(String, GGUFValue)], tensors: [Tensor], sources: String, interval: Int = 1 << 28
    ) throws(StorageError) {
        (self.path, self.tensors) = (path, tensors)
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
        file = try PartialFile(path, origin: SHA256.hexadecimal(of: head + Array(sources.utf8)), interval: interval)
        try FreeSpace.require(head.count + offset - min(file.byteCount, head.count + offset), at: DurableFiles.split(path).folder)
        guard file.byteCount > 0 else {
            try file.append(head)
            return
        }
        var end = head.count
        while next < tensors.count, end + Self.padded(tensors[next].byteCount) <= file.byteCount {
            end += Self.padded(tensors[next].byteCount)
            next += 1
        }
    }

    private static func padded(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }

    /// Adds numbers of the tensors in their order, whole rows at a time.
    /// - Parameter weights: what errors in the columns of a row count; nil: all the same.
    /// - Throws: ``StorageError``; EINVAL if there are more than the tensor has.
    package func append(_ numbers: UnsafeBufferPointer<Float>, weights: [Float]? = nil) throws(StorageError) {
        guard next < tensors.count else {
            throw StorageError(operation: "write more tensors than announced to", path: path, errorNumber: EINVAL)
        }
        let tensor = tensors[next]
        let bytes = tensor.type.bytes(numbers, weights: weights)
        written += bytes.count
        guard written <= tensor.byteCount else {
            throw StorageError(operation: "write more of \(tensor.name) than it has to", path: path, errorNumber: EINVAL)
        }
        try file.append(bytes)
        guard written == tensor.byteCount else { return }
        try file.append([UInt8](repeating: 0, count: Self.padded(written) - written))
        (next, written) = (next + 1, 0)
        try file.pass()
    }

    /// Throws away what is there of a file that can never be whole.
    package func discard() { file.discard() }

    /// Syncs the file and gives it its name.
    /// - Throws: ``StorageError``; EINVAL if a tensor is missing.
    package func finish() throws(StorageError) {
        guard next == tensors.count else {
            throw StorageError(operation: "finish without \(tensors[next].name)", path: path, errorNumber: EINVAL)
        }
        try file.finish()
    }
}
