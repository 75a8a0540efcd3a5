import Glibc
import JSON
import Jobs
import Manifest
import Spool
import Storage
import Tensors

/// Turns drops into jobs, or into rejections that say why.
struct Acceptance {
    let layout: SpoolLayout
    let resolver: ManifestResolver
    /// The devices that jobs run on.
    let devices: [String]

    enum Result {
        case accepted(JobStatus, Manifest)
        /// The jobs of a sweep, which are yet to be brought to their places.
        case swept(SweepFolder, [(JobStatus, Manifest)])
        case rejected(name: String, owner: Int, message: String)
        /// Another process took it, or it is gone.
        case gone
        /// It was taken while a process wrote it: it is to be given back, and waited for.
        case stillWritten
    }
    /// What is asked about who dropped something.
    struct Judges {
        /// Why this user may not submit so many more jobs, or nil.
        var refusal: (Submitter, _ jobCount: Int) -> ManifestError?
        /// Whether this user may use results of everybody's jobs.
        var mayUseAll: (Submitter) -> Bool
        /// The state of a job, or nil if there is none of that name.
        var state: (String) -> JobState?
        var prices: (_ device: String) -> Prices?
    }

    /// Claims and judges one drop.
    /// - Parameters:
    ///   - id: the id that the job will have, of a sweep the first one.
    ///   - further: ids for the others of a sweep.
    /// - Throws: ``StorageError`` if the spool itself cannot be used now; what was begun under the
    ///   id is then to be undone.
    func take(
        _ name: String, id: String, further: () -> String, milliseconds: UInt64, submitter: (Int) -> Submitter, _ judges: Judges
    ) throws -> Result {
        let claim: Claim
        do {
            guard let taken = try Claim(name, in: layout, id: id) else { return .gone }
            claim = taken
        } catch is Claim.StillWritten {
            return .stillWritten
        } catch let refusal as Claim.Refusal {
            let error = ManifestError(code: "invalid_manifest", message: refusal.message)
            return try reject(name, refusal.path, refusal.owner, id, error)
        }
        do {
            let user = submitter(claim.owner)
            if let error = judges.refusal(user, 1) { throw error }
            let all = try ManifestJobs(ManifestText(claim.manifestBytes, isYAML: claim.isYAML))
            let isSweep = all.sweep != nil
            let drop = ClaimedDrop(
                claim: claim, user: user, judges: judges, createdAt: Int(milliseconds / 1000),
                bundle: isSweep ? SweepFolder(layout, id).bundle : layout.job(id).path + "/bundle")
            if isSweep { return try takeSweep(all.jobs, drop, id: id, further: further) }
            guard let manifest = all.jobs.first?.manifest else { return .gone }
            try checkDependencies(manifest, drop)
            return .accepted(try build(drop, manifest, try decide(manifest, drop), id: id), manifest)
        } catch let error as ManifestError {
            return try reject(name, claim.path, claim.owner, id, error)
        }
    }

    /// Refuses a drop that its writer has abandoned.
    func abandon(_ name: String, milliseconds: UInt64) throws -> Result {
        let path = layout.incoming + "/" + name
        var status = stat()
        guard lstat(path, &status) == 0 else { return .gone }
        let error = ManifestError(
            code: FailureCode.unfinished.rawValue,
            message: "was left unfinished for more than a day: write it elsewhere and rename it into incoming/")
        return try reject(name, path, Int(status.st_uid), JobIdentifier.job(milliseconds: milliseconds), error)
    }

    private func reject(_ name: String, _ drop: String, _ owner: Int, _ id: String, _ error: ManifestError) throws -> Result {
        try Rejection(layout: layout).write(name, drop: drop, owner: owner, error)
        FolderListing.delete(layout.claim(id))
        return .rejected(name: name, owner: owner, message: error.description)
    }

    /// Finds all that the manifest names.
    /// - Throws: `ManifestError`, ``StorageError``.
    func decide(_ manifest: Manifest, _ drop: ClaimedDrop) throws -> JobAcceptance {
        let (claim, user) = (drop.claim, drop.user)
        guard devices.contains(where: { DeviceChoice.serves($0, manifest.device) }) else {
            throw ManifestError(
                code: "invalid_value", message: "this daemon runs jobs on \(devices.joined(separator: ", ")) only", param: "device")
        }
        let files = try resolver.files(
            of: manifest, bundle: claim.bundle.map { ManifestResolver.Bundle(path: $0, followsLinks: false) }, for: user
        ) { try mayUse($0, user, drop.judges) }
        var acceptance = JobAcceptance(
            createdAt: drop.createdAt, owner: claim.owner, drop: claim.name, modelPath: files.modelPath,
            training: drop.final(files.training))
        acceptance.validation = files.validation.map(drop.final)
        acceptance.initialAdapter = files.initialAdapter.map(drop.final)
        acceptance.comparisonPath = files.comparisonPath
        acceptance.prices = drop.judges.prices(manifest.device)
        return acceptance
    }

    /// Whether the jobs that this one comes after are there and may still succeed.
    func checkDependencies(_ manifest: Manifest, _ drop: ClaimedDrop) throws {
        for other in manifest.after {
            // Whose jobs one may not use, one does not learn their state either.
            let isKnown = try JobIdentifier.isJob(other) && mayUse(other, drop.user, drop.judges)
            switch isKnown ? drop.judges.state(other) : nil {
            case nil:
                throw ManifestError(
                    code: "not_found", message: "there is no job \"\(other.prefix(64))\" that you may wait for", param: "after")
            case .failed, .cancelled:
                throw ManifestError(code: "dependency_failed", message: "the job \(other) did not succeed", param: "after")
            default: break
            }
        }
    }

    private func mayUse(_ job: String, _ user: Submitter, _ judges: Judges) throws -> Bool {
        if judges.mayUseAll(user) { return true }
        return try layout.job(job).readStatus()?.owner == Int(user.user)
    }

    /// Builds the job's folder out of sight and makes it appear by one rename.
    private func build(_ drop: ClaimedDrop, _ manifest: Manifest, _ acceptance: JobAcceptance, id: String) throws -> JobStatus {
        let building = layout.building(id)
        FolderListing.delete(building)
        let status = try write(manifest, acceptance, id: id, into: building)
        if let bundle = drop.claim.bundle, drop.claim.isMovable { try DurableFiles.rename(bundle, to: building + "/bundle") }
        try DurableFiles.syncFolder(building)
        try DurableFiles.rename(building, to: layout.job(id).path)
        // After the rename the job is there, whatever the sync says. A cut might bring the old name
        // back: then the drop is still in its claim, which the next start clears.
        do throws(StorageError) { try DurableFiles.syncFolder(layout.jobs) } catch { return status }
        FolderListing.delete(layout.claim(id))
        return status
    }

    /// Writes all that a new job's folder holds.
    func write(_ manifest: Manifest, _ acceptance: JobAcceptance, id: String, into folder: String) throws -> JobStatus {
        try DurableFiles.makeFolder(folder, mode: 0o750, isNew: true)
        PrivateFolder.open(folder, to: acceptance.owner)
        var status = JobStatus(id: id, state: .validatingFiles, createdAt: acceptance.createdAt, manifest: manifest)
        status.owner = acceptance.owner
        status.sweep = acceptance.sweep
        status.currency = acceptance.prices?.currency
        let job = JobFolder(path: folder)
        let event = JobEvent(
            sequence: 1, createdAt: acceptance.createdAt, code: .created, message: "Created fine-tuning job: \(id)", data: nil)
        let writer = JSONWriter(isIndented: true)
        let (manifestText, acceptanceText) = (writer.string(manifest.json) + "\n", writer.string(acceptance.json) + "\n")
        let ledgerText = writer.string(status.ledger.json) + "\n"
        try create(job.manifestFile, manifestText)
        try create(job.acceptanceFile, acceptanceText)
        try create(job.ledgerFile, ledgerText, mode: 0o600)
        try create(
            job.path + "/" + OwnDigests.listName,
            OwnDigests.list([("manifest.json", manifestText), ("job.json", acceptanceText), ("ledger.json", ledgerText)]))
        try create(job.statusFile, writer.string(status.json) + "\n")
        try create(job.eventsFile, JSONWriter().string(event.json(job: id)) + "\n")
        try DurableFiles.makeFolder(job.controls, mode: 0o750, isNew: true)
        return status
    }

    private func create(_ path: String, _ text: String, mode: UInt32 = 0o644) throws(StorageError) {
        let bytes = Array(text.utf8)
        try bytes.withBytes { buffer throws(StorageError) in
            try DurableFiles.write(UnsafeRawBufferPointer(buffer), toNew: path, mode: mode)
        }
    }
}
