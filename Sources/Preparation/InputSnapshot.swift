import Datasets
import Glibc
import Models
package import Spool
import Storage

/// The job's own copies of its data, with their digests: nobody changes them while they are used, and a flipped bit is found.
package struct InputSnapshot {
    package var trainingPath: String
    package var validationPath: String?
    /// The folder of the adapter that training starts from.
    package var initialAdapterPath: String?

    /// Copies the data into `data/` once; later it is verified.
    /// - Throws: ``StorageError``, ``PreparationError/damagedData(_:)``, ``PreparationError/unusableFile(_:reason:param:)``.
    package init(_ folder: JobFolder, _ acceptance: JobAcceptance) throws {
        func name(_ path: String, _ base: String) -> String { base + DataFileName.suffix(of: path) }
        let data = folder.path + "/data"
        let training = name(acceptance.trainingPath, "training")
        let validation = acceptance.validationPath.map { name($0, "validation") }
        // Only the whole copy has the name.
        if FolderListing.exists(data) {
            if let fault = try WholeFolder.verify(data) { throw PreparationError.damagedData(fault) }
        } else {
            let sources = [acceptance.trainingPath, acceptance.validationPath].compactMap { $0 }
            let byteCount = sources.reduce(1 << 16) { $0 + (FolderListing.byteCount($1) ?? 0) }
            let submitter = Submitter(user: UInt32(exactly: acceptance.owner) ?? 65_534)
            func take(_ source: JobAcceptance.Source, _ target: String, _ param: String) throws {
                do { _ = try Snapshot.take(source, for: submitter, toNew: target) } catch let refusal as Snapshot.Refusal {
                    throw PreparationError.unusableFile(source.path, reason: "\(refusal)", param: param)
                }
            }
            try WholeFolder.build(data, byteCount: byteCount) { temporary in
                try take(acceptance.training, temporary + "/" + training, "training_file")
                if let source = acceptance.validation, let validation { try take(source, temporary + "/" + validation, "validation_file") }
                if let adapter = acceptance.initialAdapter {
                    try DurableFiles.makeFolder(temporary + "/initial-adapter", isNew: true)
                    let names = AdapterFolder.tensorFiles
                    let tensors = names.first { FolderListing.leads(adapter.path + "/" + $0) } ?? names[0]
                    for file in ["adapter_config.json", tensors] {
                        let source = JobAcceptance.Source(
                            path: adapter.path + "/" + file, root: adapter.root, isInBundle: adapter.isInBundle)
                        try take(source, temporary + "/initial-adapter/" + file, "adapter.init_from")
                    }
                }
            }
        }
        trainingPath = data + "/" + training
        validationPath = validation.map { data + "/" + $0 }
        initialAdapterPath = acceptance.initialAdapter.map { _ in data + "/initial-adapter" }
    }
}
