import Storage

/// Writes a new file in large pieces.
private final class BufferedFile {
    private let file: NewFile
    private var buffer: [UInt8] = []
    private static let pieceByteCount = 1 << 20

    /// - Throws: ``StorageError`` if the file is there already or cannot be created.
    init(path: String) throws(StorageError) { file = try NewFile(path, mode: 0o640) }

    func write(_ bytes: some Collection<UInt8>) throws(StorageError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.pieceByteCount { try flush() }
    }

    private func flush() throws(StorageError) {
        try file.append(buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes what is left and syncs the file.
    func finish() throws(StorageError) {
        try flush()
        try file.finish()
    }
}

/// Writes examples as ``ExampleStore`` reads them.
final class ExampleWriter {
    private let tokens: BufferedFile
    private let examples: BufferedFile
    private var tokenCount = 0

    /// - Parameter folder: an empty folder.
    init(folder: String) throws(StorageError) {
        tokens = try BufferedFile(path: folder + "/" + ExampleStore.tokensName)
        examples = try BufferedFile(path: folder + "/" + ExampleStore.examplesName)
        try examples.write(ExampleFile.header)
    }

    /// Appends a chunk's examples; their tokens are all of the chunk's.
    func append(_ records: [ExampleRecord], tokens chunk: [UInt32]) throws(StorageError) {
        var moved = records
        for index in moved.indices { moved[index].start += UInt64(tokenCount) }
        try write(moved, chunk)
    }

    /// Appends a row of plain text.
    func append(row: ArraySlice<UInt32>, line: Int) throws(StorageError) {
        let record = ExampleRecord(
            start: UInt64(tokenCount), line: UInt64(line), hash: PackedToken.hash(row), tokenCount: UInt32(clamping: row.count),
            trainedCount: UInt32(clamping: row.count - 1))
        try write([record], Array(row))
    }

    private func write(_ records: [ExampleRecord], _ chunk: [UInt32]) throws(StorageError) {
        tokenCount += chunk.count
        var failure: StorageError?
        records.withUnsafeBytes { bytes in
            do throws(StorageError) { try examples.write(bytes) } catch { failure = error }
        }
        chunk.withUnsafeBytes { bytes in
            do throws(StorageError) { try tokens.write(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    func finish() throws(StorageError) {
        try tokens.finish()
        try examples.finish()
    }
}
