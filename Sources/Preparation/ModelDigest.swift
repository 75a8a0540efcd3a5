import Glibc
import Models
import Storage
import Synchronization
package import Tensors

/// The digests of a model's weight files, made by a thread of its own while data is read and memory
/// is planned.
package final class ModelDigest {
    /// What the thread works on; it lives until the thread has ended.
    private final class Work {
        let files: [MappedFile]
        let isWanted = Atomic(true)
        var digests: [String] = []
        init(_ files: [MappedFile]) { self.files = files }

        /// Some megabytes at a time, which are given back: the files are mapped a second time, and
        /// what is mapped counts as held.
        func run() {
            for file in files {
                let hash = SHA256()
                var start = 0
                while start < file.bytes.count {
                    guard isWanted.load(ordering: .relaxed) else { return }
                    let part = UnsafeRawBufferPointer(rebasing: file.bytes[start..<min(file.bytes.count, start + 4 << 20)])
                    hash.update(part)
                    file.evict(part)
                    start += part.count
                }
                digests.append(hash.finish())
            }
        }
    }
    private let work: Work
    private var thread: pthread_t?

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
        work = Work(files)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(work)
        let code = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, context.toOpaque())
        if code == 0 { self.thread = thread } else { context.takeRetainedValue().run() }
    }

    /// The digest of each file, in the checkpoint's order. Waits until they are there.
    package func values() -> [String] {
        if let thread { pthread_join(thread, nil) }
        thread = nil
        return work.digests
    }

    /// They are no longer wanted: the thread ends first, since at the end of a process its
    /// libraries clean up beneath it.
    deinit {
        work.isWanted.store(false, ordering: .relaxed)
        if let thread { pthread_join(thread, nil) }
    }
}
