import Glibc
import Storage
import Synchronization
import Tokenization

/// Tokenised examples in two mapped files: `tokens.bin` (packed tokens, 4 bytes each) and `examples.bin` (32 bytes each).
///
/// Pages that were read are given back to the kernel now and then, so that a large dataset does not count as this process's memory.
final class ExampleStore: Sendable {
    static let tokensName = "tokens.bin"
    static let examplesName = "examples.bin"
    private static let recordByteCount = MemoryLayout<ExampleRecord>.stride
    /// Bytes read after which pages are given back.
    private static let residentByteCount = 64 << 20

    private let tokens: MappedFile
    private let records: MappedFile
    private let bytesRead = Mutex(0)
    let count: Int

    /// - Throws: ``StorageError`` if the files cannot be mapped or are damaged.
    init(folder: String) throws(StorageError) {
        tokens = try MappedFile(path: folder + "/" + Self.tokensName)
        records = try MappedFile(path: folder + "/" + Self.examplesName)
        guard records.bytes.count % Self.recordByteCount == 0, tokens.bytes.count % 4 == 0 else {
            throw StorageError(operation: "understand", path: folder, errorNumber: EINVAL)
        }
        count = records.bytes.count / Self.recordByteCount
        if let start = tokens.bytes.baseAddress { madvise(UnsafeMutableRawPointer(mutating: start), tokens.bytes.count, MADV_RANDOM) }
    }

    func record(_ index: Int) -> ExampleRecord {
        note(Self.recordByteCount)
        return records.bytes.loadUnaligned(fromByteOffset: index * Self.recordByteCount, as: ExampleRecord.self)
    }

    /// The tokens of an example, packed; none if the record points outside the file.
    func withTokens<Result>(_ record: ExampleRecord, _ body: (UnsafeBufferPointer<UInt32>) -> Result) -> Result {
        let all = tokens.bytes.bindMemory(to: UInt32.self)
        let (end, overflows) = record.start.addingReportingOverflow(UInt64(record.tokenCount))
        guard !overflows, end <= UInt64(all.count), let first = all.baseAddress else {
            return body(UnsafeBufferPointer(start: nil, count: 0))
        }
        note(Int(record.tokenCount) * 4)
        return body(UnsafeBufferPointer(start: first + Int(record.start), count: Int(record.tokenCount)))
    }

    func example(_ index: Int) -> TokenizedExample {
        withTokens(record(index)) { packed in
            TokenizedExample(ids: packed.map(PackedToken.id), isTrained: packed.map(PackedToken.isTrained))
        }
    }

    private func note(_ byteCount: Int) {
        let isDue = bytesRead.withLock { bytes in
            bytes += byteCount
            guard bytes >= Self.residentByteCount else { return false }
            bytes = 0
            return true
        }
        guard isDue else { return }
        for file in [tokens, records] {
            if let start = file.bytes.baseAddress { madvise(UnsafeMutableRawPointer(mutating: start), file.bytes.count, MADV_DONTNEED) }
        }
    }
}
