import Datasets
import Glibc
import Models
package import Spool
import Storage

/// The SHA-256 of a job's data files, where they are known from copying or verifying them: whoever
/// needs them does not read the files again.
package struct InputDigests: Sendable, Hashable {
    package var training: String?
    package var validation: String?

    package init(training: String? = nil, validation: String? = nil) {
        self.training = training
        self.validation = validation
    }
}

/// The job's own copies of its data, with their digests: they cannot change while they are used,
/// and a flipped bit is found.
package struct InputSnapshot {
    package var trainingPath: String
    package var validationPath: String?
    /// The folder of the adapter that training starts from.
    package var initialAdapterPath: String?
    package var digests = InputDigests()

    /// Copies the data into `data/` once; later it is verified.
    /// - Throws: ``StorageError``, ``PreparationError/damagedData(_:)``,
    ///   ``PreparationError/unusableFile(_:reason:param:)``.
    package init(_ folder: JobFolder, _ acceptance: JobAcceptance) throws {
        func name(_ path: String, _ base: String) -> String { base + DataFileName.suffix(of: path) }
        let data = folder.path + "/data"
        let training = name(acceptance.trainingPath, "training")
        let validation = acceptance.validationPath.map { name($0, "validation") }
        // Only the whole copy has the name.
        if FolderListing.exists(data) {
            switch try WholeFolder.inspect(data) {
            case .faulty(let fault): throw PreparationError.damagedData(fault)
            case .whole(let found): digests = InputDigests(training: found[training], validation: validation.flatMap { found[$0] })
            }
        } else {
            let sources = [acceptance.trainingPath, acceptance.validationPath].compactMap { $0 }
            let byteCount = sources.reduce(1 << 16) { $0 + (FolderListing.byteCount($1) ?? 0) }
            let submitter = Submitter(user: UInt32(exactly: acceptance.owner) ?? 65_534)
            var copies: [String: DurableFiles.Copy] = [:]
            func take(_ source: JobAcceptance.Source, _ name: String, in folder: String, _ param: String) throws {
                do { copies[name] = try Snapshot.take(source, for: submitter, toNew: folder + "/" + name) } catch let refusal
                    as Snapshot.Refusal
                {
                    throw PreparationError.unusableFile(source.path, reason: "\(refusal)", param: param)
                }
            }
            try WholeFolder.buildWithDigests(data, byteCount: byteCount) { temporary in
                try take(acceptance.training, training, in: temporary, "training_file")
                if let source = acceptance.validation, let validation { try take(source, validation, in: temporary, "validation_file") }
                if let adapter = acceptance.initialAdapter {
                    try DurableFiles.makeFolder(temporary + "/initial-adapter", isNew: true)
                    let names = AdapterFolder.tensorFiles
                    let tensors = names.first { FolderListing.leads(adapter.path + "/" + $0) } ?? names[0]
                    let tokenizer = GrownFolder.tokenizerTexts.filter { FolderListing.leads(adapter.path + "/" + $0) }
                    for file in ["adapter_config.json", tensors] + tokenizer {
                        let source = JobAcceptance.Source(
                            path: adapter.path + "/" + file, root: adapter.root, isInBundle: adapter.isInBundle)
                        try take(source, "initial-adapter/" + file, in: temporary, "adapter.init_from")
                    }
                }
                return copies
            }
            digests = InputDigests(training: copies[training]?.digest, validation: validation.flatMap { copies[$0]?.digest })
        }
        trainingPath = data + "/" + training
        validationPath = validation.map { data + "/" + $0 }
        initialAdapterPath = acceptance.initialAdapter.map { _ in data + "/initial-adapter" }
    }
}
