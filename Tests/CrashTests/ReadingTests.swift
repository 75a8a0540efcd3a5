import Jobs
import Spool
import Storage
import Synchronization
import TestSupport
import Testing
import Worker

/// What a worker reads, counted: nothing twice that it knows already.
@Suite(.serialized) struct ReadingTests {
    /// Takes down which files are opened for reading.
    final class Noting: FileSystem {
        private let real = CurrentFileSystem.value
        private let opened = Mutex<[String]>([])

        func count(_ suffix: String) -> Int { opened.withLock { $0.count { $0.hasSuffix(suffix) } } }

        func perform(_ operation: FileOperation) throws(StorageError) -> Int {
            // O_WRONLY and O_RDWR are 1 and 2.
            if case .open(let path, let flags, _) = operation, flags & 3 == 0 { opened.withLock { $0.append(path) } }
            return try real.perform(operation)
        }

        func names(in folder: String) throws(StorageError) -> [String] { try real.names(in: folder) }
    }

    @Test func aWorkerHashesItsDataWhileItCopiesThemAndReadsItsPapersOnce() throws {
        let job = try CrashJob()
        defer { job.remove() }
        let first = Noting()
        #expect(job.run(on: first, stop: { job.folder.checkpointNames.count > 0 }) == .stopped)
        // The copy is read for its digest only where the file system shares its blocks.
        #expect(first.count("/training.jsonl") <= 1 && first.count("/validation.jsonl") <= 1)
        // Once more where validation writes the manifest anew, beside its digest.
        #expect(first.count("/job.json") == 1 && first.count("/manifest.json") <= 2)
        let second = Noting()
        #expect(job.run(on: second) == .succeeded)
        // Each copy is verified once; the conversations of a few examples are read for the replay.
        #expect(second.count("/training.jsonl") == 1 && second.count("/validation.jsonl") == 2)
        #expect(second.count("/job.json") == 1 && second.count("/manifest.json") == 1)
    }
}
