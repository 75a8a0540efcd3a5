import Basics
import Models
import Storage
import Synchronization
package import Tensors

/// The digests of a model's weight files, made by a thread of its own while data is read and memory
/// is planned.
package final class ModelDigest {
    /// Whether they are still wanted; the thread asks.
    private final class Wish: Sendable {
        let isThere = Atomic(true)
    }
    private let wish = Wish()
    private let digests: Beside<[String]>

    /// Begins with a model's files of weights. One that holds no usable weights has no digests:
    /// loading it says what is wrong.
    /// - Throws: ``SafetensorsError`` and ``StorageError`` where a file cannot be read at all.
    package init(_ folder: any ModelFolder) throws {
        var checkpoint: Checkpoint?
        do throws(SafetensorsError) { checkpoint = try folder.weights() } catch {
            // To the next worker, which can read it, a folder without digests would be another one.
            if error.errorNumber != nil { throw error }
        }
        let files = try (checkpoint?.files ?? []).map { try MappedFile(path: $0) }
        digests = Beside { [wish] in try files.map { try Self.digest($0, wish) } }
    }

    /// Some megabytes at a time, which are given back: the file is mapped a second time, and what
    /// is mapped counts as held.
    /// - Throws: `CancellationError` when it is no longer wanted.
    private static func digest(_ file: MappedFile, _ wish: Wish) throws -> String {
        let hash = SHA256()
        var start = 0
        while start < file.bytes.count {
            guard wish.isThere.load(ordering: .relaxed) else { throw CancellationError() }
            let part = UnsafeRawBufferPointer(rebasing: file.bytes[start..<min(file.bytes.count, start + 4 << 20)])
            hash.update(part)
            file.evict(part)
            start += part.count
        }
        return hash.finish()
    }

    /// The digest of each file, in the checkpoint's order. Waits until they are there.
    package func values() throws -> [String] { try digests.value() }

    /// They are no longer wanted.
    deinit { wish.isThere.store(false, ordering: .relaxed) }
}
