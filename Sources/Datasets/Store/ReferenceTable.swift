import Glibc
package import Storage

/// What a model said of a dataset's examples before training: for each as many log-probabilities,
/// read from a mapped file.
///
/// The file begins with 16 bytes: `TALALP`, the version as two digits, and how many numbers an
/// example has; then follow the numbers, float64, example by example.
package struct ReferenceTable: Sendable {
    private let file: MappedFile
    private let width: Int
    package let count: Int

    private static let word = Array("TALALP01".utf8)
    private static let headerByteCount = 16

    /// - Throws: ``StorageError`` if the file cannot be mapped, is damaged, or is of another
    ///   version.
    package init(path: String) throws(StorageError) {
        file = try MappedFile(path: path)
        let bytes = file.bytes
        guard bytes.count >= Self.headerByteCount, bytes.prefix(Self.word.count).elementsEqual(Self.word) else {
            throw StorageError(operation: "understand", path: path, errorNumber: EINVAL)
        }
        let width = bytes.loadUnaligned(fromByteOffset: Self.word.count, as: UInt64.self)
        let rest = bytes.count - Self.headerByteCount
        guard (1...16).contains(width), rest % (8 * Int(width)) == 0 else {
            throw StorageError(operation: "understand", path: path, errorNumber: EINVAL)
        }
        self.width = Int(width)
        count = rest / (8 * Int(width))
    }

    /// The numbers of an example; nil where there is no such example.
    package func numbers(of index: Int) -> [Double]? {
        guard index >= 0, index < count else { return nil }
        let start = Self.headerByteCount + index * width * 8
        return (0..<width).map { file.bytes.loadUnaligned(fromByteOffset: start + 8 * $0, as: Double.self) }
    }

    /// Writes a new table.
    package final class Writer {
        private let file: NewFile
        private var buffer: [UInt8]

        /// - Parameter width: numbers of each example.
        /// - Throws: ``StorageError`` if the file is there already or cannot be created.
        package init(path: String, width: Int) throws(StorageError) {
            file = try NewFile(path, mode: 0o640)
            buffer = ReferenceTable.word
            append(UInt64(clamping: width))
        }

        private func append(_ number: some BitwiseCopyable) { withUnsafeBytes(of: number) { buffer.append(contentsOf: $0) } }

        /// Appends the numbers of the next example.
        package func append(_ numbers: [Double]) throws(StorageError) {
            for number in numbers { append(number) }
            if buffer.count >= 1 << 20 { try flush() }
        }

        private func flush() throws(StorageError) {
            try file.append(buffer)
            buffer.removeAll(keepingCapacity: true)
        }

        /// Writes what is left and syncs the file.
        package func finish() throws(StorageError) {
            try flush()
            try file.finish()
        }
    }
}
