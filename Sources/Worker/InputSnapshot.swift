import Glibc
import Spool
import Storage

/// The job's own copies of its data, with their digests: nobody changes them while they are used, and a flipped bit is found.
struct InputSnapshot {
    var trainingPath: String
    var validationPath: String?

    /// Copies the data into `data/` once; later it is verified.
    /// - Throws: ``StorageError``, ``WorkerError/damagedData(_:)``.
    init(_ folder: JobFolder, _ acceptance: JobAcceptance) throws {
        func name(_ path: String, _ base: String) -> String { base + (path.hasSuffix(".txt") ? ".txt" : ".jsonl") }
        let data = folder.path + "/data"
        let training = name(acceptance.trainingPath, "training")
        let validation = acceptance.validationPath.map { name($0, "validation") }
        // Only the whole copy has the name.
        if FolderListing.exists(data) {
            if let fault = try WholeFolder.verify(data) { throw WorkerError.damagedData(fault) }
        } else {
            let sources = [acceptance.trainingPath, acceptance.validationPath].compactMap { $0 }
            let byteCount = sources.reduce(1 << 16) { $0 + (FolderListing.byteCount($1) ?? 0) }
            try WholeFolder.build(data, byteCount: byteCount) { temporary in
                _ = try DurableFiles.copy(acceptance.trainingPath, toNew: temporary + "/" + training, mode: 0o640)
                if let source = acceptance.validationPath, let validation {
                    _ = try DurableFiles.copy(source, toNew: temporary + "/" + validation, mode: 0o640)
                }
            }
        }
        trainingPath = data + "/" + training
        validationPath = validation.map { data + "/" + $0 }
    }
}
