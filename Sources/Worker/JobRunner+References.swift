import Datasets
import Devices
import JSON
import Jobs
import Preparation
import Spool
import Storage
import Training

extension JobRunner {
    /// Lets the job's examples know what the model says of them before training, where its loss
    /// compares with that: computed once, and kept with the tokens.
    ///
    /// The session has the numbers that training begins with, also where a checkpoint will replace
    /// them: a base under a fresh adapter, an adapter as it was given, or a whole model. So there
    /// is no second model, and what is compared is computed alike.
    /// - Returns: false if the worker was asked to leave; nothing is kept then.
    func addReferences(to job: inout PreparedJob, _ session: TrainingSession, _ fingerprint: InputFingerprint) throws -> Bool {
        let run = TrainingRun(session: session, training: job.training, validation: job.validation, settings: job.settings)
        guard run.referenceCount > 0 else { return true }
        let path = folder.tokens + "/references"
        let key = SHA256.hexadecimal(of: JSONWriter().string(fingerprint.json).utf8)
        if try !Self.hasReferences(path, key) {
            Devices.setHeartbeat(of: job.device) { [pulse] in pulse.beat() }
            let count = job.training.count + (job.validation?.count ?? 0)
            try event(.inputNote, "Computing what the model says of \(count) examples before training")
            run.isCancelled = { [self] in isAskedToLeave() }
            defer { run.isCancelled = { false } }
            do { try Self.write(run, to: path, key: key) } catch is Interruption { return false }
        }
        try shareReferences(path, hasValidation: job.validation != nil)
        job.training.references = try ReferenceTable(path: path + "/training.bin")
        if job.validation != nil { job.validation?.references = try ReferenceTable(path: path + "/validation.bin") }
        return true
    }

    /// Whether the folder is whole and of this job as it is.
    private static func hasReferences(_ path: String, _ key: String) throws -> Bool {
        guard FolderListing.exists(path), try WholeFolder.verify(path) == nil else { return false }
        return try DurableFiles.read(path + "/key", limit: 4096).elementsEqual(key.utf8)
    }

    private static func write(_ run: TrainingRun, to path: String, key: String) throws {
        let (parent, _) = DurableFiles.split(path)
        if !FolderListing.exists(parent) { try DurableFiles.makeFolder(parent, mode: 0o700) }
        let count = run.training.count + (run.validation?.count ?? 0)
        try WholeFolder.build(path, byteCount: 4096 + count * run.referenceCount * 8) { temporary in
            for (name, data) in [("training", run.training)] + (run.validation.map { [("validation", $0)] } ?? []) {
                let writer = try ReferenceTable.Writer(path: "\(temporary)/\(name).bin", width: run.referenceCount)
                guard try run.references(of: data, { try writer.append($0) }) else { throw Interruption() }
                try writer.finish()
            }
            try DurableFiles.replace(temporary + "/key", with: key)
        }
    }
}
