import Datasets
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
        func name(_ path: String, _ base: String) -> String { base + DataFileName.suffix(of: path) }
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
                try Self.copy(acceptance.trainingPath, to: temporary + "/" + training)
                if let source = acceptance.validationPath, let validation { try Self.copy(source, to: temporary + "/" + validation) }
            }
        }
        trainingPath = data + "/" + training
        validationPath = validation.map { data + "/" + $0 }
    }

    /// Copies a file that nobody may write to meanwhile.
    private static func copy(_ source: String, to path: String) throws {
        let before = FileIdentity(path: source)
        _ = try DurableFiles.copy(source, toNew: path, mode: 0o640)
        guard FileIdentity(path: source) == before else {
            throw WorkerError.damagedData("\(DurableFiles.split(source).name) was changed while it was copied")
        }
    }
}
