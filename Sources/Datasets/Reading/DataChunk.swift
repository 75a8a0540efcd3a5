/// A piece of a data file that one thread works on: whole records.
struct DataChunk: Sendable {
    /// A record inside the chunk, where records are not lines.
    struct Place: Sendable, Hashable {
        var range: Range<Int>
        var line: Int
        /// Its place in the JSON array, counted from 0.
        var index: Int
    }
    var bytes: [UInt8] = []
    /// The physical line on which the chunk begins.
    var firstLine: Int
    /// Nil: each line is a record.
    var places: [Place]?
    /// What could not even be cut into records.
    var problems: [DatasetProblem] = []
    /// Of plain text: whether the chunk begins and ends inside a document.
    var continuesDocument = false
    var isContinued = false
}

/// Cuts a data file into chunks.
protocol ChunkSource: AnyObject {
    /// The next chunk, or nil at the end.
    /// - Throws: ``DatasetProblem`` after which nothing more can be read.
    func next() throws(DatasetProblem) -> DataChunk?
    /// Physical lines read so far.
    var lineCount: Int { get }
}

enum ChunkSize {
    /// Bytes of a chunk, where its records are shorter than that.
    static let usual = 512 << 10
    /// Bytes that a record may have.
    static let recordLimit = 8 << 20
    /// Bytes that are skipped in search of the end of a line that is too long.
    static let skipLimit = 1 << 30
}

/// The unread text of a data file, in memory as far as it is needed.
final class InputText {
    let file: DataFile
    private(set) var bytes: [UInt8] = []
    private(set) var isAtEnd = false
    private var isAtStart = true

    init(_ file: DataFile) { self.file = file }

    /// Reads one more block; a byte-order mark at the beginning of the file is taken away.
    func fill() throws(DatasetProblem) {
        let old = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: 256 << 10))
        var count = 0
        do throws(DatasetProblem) {
            count = try bytes.withMutableBytes { memory throws(DatasetProblem) in
                try file.read(into: UnsafeMutableRawBufferPointer(rebasing: memory[old...]))
            }
        } catch {
            bytes.removeLast(bytes.count - old)
            isAtEnd = true
            throw error
        }
        bytes.removeLast(bytes.count - old - count)
        if count == 0 { isAtEnd = true }
        if isAtStart, bytes.count >= 3 || isAtEnd {
            isAtStart = false
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        }
    }

    /// Reads until so many bytes are there or the file ends.
    func fill(to count: Int) throws(DatasetProblem) { while bytes.count < count, !isAtEnd { try fill() } }

    /// Takes bytes from the beginning.
    func take(_ count: Int) -> [UInt8] {
        if count == bytes.count {
            let all = bytes
            bytes = []
            return all
        }
        let taken = Array(bytes[..<count])
        bytes.removeFirst(count)
        return taken
    }

    func drop(_ count: Int) { bytes.removeFirst(count) }
}

/// Searches in bytes.
enum Bytes {
    static let lineEnd = UInt8(ascii: "\n")

    static func count(of byte: UInt8, in bytes: some Collection<UInt8>) -> Int {
        bytes.withContiguousStorageIfAvailable { memory in
            var count = 0
            for element in memory { count &+= element == byte ? 1 : 0 }
            return count
        } ?? bytes.reduce(0) { $0 + ($1 == byte ? 1 : 0) }
    }

    static func isBlank(_ bytes: some Collection<UInt8>) -> Bool { bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D } }
}
