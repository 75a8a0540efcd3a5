import Glibc
import Storage
import Synchronization
import Tokenization

/// Tokenised examples in two mapped files: `tokens.bin` (packed tokens, 4 bytes each) and
/// `examples.bin` (``ExampleFile/header``, then a ``ExampleRecord`` each).
///
/// Pages that were read are given back to the kernel now and then, so that a large dataset does not
/// count as this process's memory.
final class ExampleStore: Sendable {
    static let tokensName = "tokens.bin"
    static let examplesName = "examples.bin"
    private static let recordByteCount = MemoryLayout<ExampleRecord>.stride
    /// Bytes read after which pages are given back.
    private static let residentByteCount = 64 << 20

    let tokens: MappedFile
    let records: MappedFile
    private let bytesRead = Mutex(0)
    let count: Int

    /// - Throws: ``StorageError`` if the files cannot be mapped, are damaged, or are of another
    ///   version.
    init(folder: String) throws(StorageError) {
        tokens = try MappedFile(path: folder + "/" + Self.tokensName)
        records = try MappedFile(path: folder + "/" + Self.examplesName)
        let header = ExampleFile.header
        guard records.bytes.prefix(header.count).elementsEqual(header),
            (records.bytes.count - header.count) % Self.recordByteCount == 0, tokens.bytes.count % 4 == 0
        else { throw StorageError(operation: "understand", path: folder, errorNumber: EINVAL) }
        count = (records.bytes.count - header.count) / Self.recordByteCount
        if let start = tokens.bytes.baseAddress { madvise(UnsafeMutableRawPointer(mutating: start), tokens.bytes.count, MADV_RANDOM) }
    }

    func record(_ index: Int) -> ExampleRecord {
        note(Self.recordByteCount)
        return records.bytes.loadUnaligned(fromByteOffset: ExampleFile.header.count + index * Self.recordByteCount, as: ExampleRecord.self)
    }

    /// The tokens of all runs of an example, packed; none if the record points outside the file.
    func withTokens<Result>(_ record: ExampleRecord, _ body: (UnsafeBufferPointer<UInt32>) -> Result) -> Result {
        withWords(record) { words in body(UnsafeBufferPointer(rebasing: words.dropFirst(record.headCount).prefix(Int(record.tokenCount)))) }
    }

    /// All numbers of an example; none if the record points outside the file.
    private func withWords<Result>(_ record: ExampleRecord, _ body: (UnsafeBufferPointer<UInt32>) -> Result) -> Result {
        let all = tokens.bytes.bindMemory(to: UInt32.self)
        let (end, overflows) = record.start.addingReportingOverflow(UInt64(record.wordCount))
        guard !overflows, end <= UInt64(all.count), let first = all.baseAddress else {
            return body(UnsafeBufferPointer(start: nil, count: 0))
        }
        note(record.wordCount * 4)
        return body(UnsafeBufferPointer(start: first + Int(record.start), count: record.wordCount))
    }

    /// The sample of a record. Lengths of runs that do not add up to the tokens leave the last ones
    /// shorter.
    func sample(_ index: Int) -> Sample {
        let record = record(index)
        return withWords(record) { words in
            let runLengths = record.runCount == 1 ? [Int(record.tokenCount)] : words.prefix(Int(record.runCount)).map { Int($0) }
            let labels = record.labelCount == ExampleRecord.noLabels ? nil : words.prefix(record.headCount).suffix(Int(record.labelCount))
            var rest = words.dropFirst(record.headCount).prefix(Int(record.tokenCount))
            var weights = words.dropFirst(record.headCount + Int(record.tokenCount))
            let runs = runLengths.map { length in
                let (run, runWeights) = (rest.prefix(length), weights.prefix(length))
                (rest, weights) = (rest.dropFirst(length), weights.dropFirst(length))
                return TokenizedExample(
                    ids: run.map(PackedToken.id), isTrained: run.map(PackedToken.isTrained),
                    weights: record.hasWeights ? runWeights.map { Float(bitPattern: $0) } : nil)
            }
            return Sample(runs, weight: record.weight, labels: labels.map { $0.map { Int($0) } })
        }
    }

    private func note(_ byteCount: Int) {
        let isDue = bytesRead.withLock { bytes in
            bytes += byteCount
            guard bytes >= Self.residentByteCount else { return false }
            bytes = 0
            return true
        }
        if isDue { evict() }
    }

    /// Gives all pages back to the kernel, which maps those around a place that is read as well.
    func evict() { for file in [tokens, records] { file.evict(file.bytes) } }
}
