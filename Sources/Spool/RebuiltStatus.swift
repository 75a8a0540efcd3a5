import JSON
package import Jobs
import Manifest
package import Storage

extension JobFolder {
    /// A status made from the job's other files, for one whose `ledger.json` and `status.json` are
    /// both lost or damaged: what the last event about its state says, else that the job waits.
    /// Where the manifest or what was decided at its acceptance cannot be understood either, the
    /// job has failed.
    /// - Parameter isLast: whether a file that cannot be read now is not going to be read later.
    /// - Returns: nil if the folder holds nothing of a job.
    /// - Throws: ``StorageError`` if that cannot be told now (no memory, no descriptors, an error
    ///   of the disk).
    package func rebuiltStatus(isLast: Bool = false) throws(StorageError) -> JobStatus? {
        let manifest: Manifest
        let acceptance: JobAcceptance
        do {
            manifest = try self.manifest()
            acceptance = try self.acceptance()
        } catch {
            if let error = error as? StorageError, !error.isMissing, !isLast || error.isTransient { throw error }
            return try lostStatus(because: error)
        }
        var status = JobStatus(id: id, state: .queued, createdAt: acceptance.createdAt, manifest: manifest)
        status.owner = acceptance.owner
        status.sweep = acceptance.sweep
        status.checkpoint = checkpointNames.last
        status.currency = acceptance.prices?.currency
        if let found = try validation() {
            status.plan = PlanFigures(json: found["plan"])
            status.progress.totalSteps = found["total_steps"]?.integer ?? 0
        }
        guard let last = try lastEvent(where: { $0.state != nil }) else { return status }
        switch last.code?.state {
        case .failed:
            status = JobStatus(copying: status, in: .failed)
            status.error = .init(code: .unknown, message: last.message)
        case .cancelled: status = JobStatus(copying: status, in: .cancelled)
        case .paused:
            status = JobStatus(copying: status, in: .paused)
            status.reason = .requested
        case .succeeded where manifest.validatesOnly && isValidated:
            status = JobStatus(copying: status, in: .succeeded)
            (status.reason, status.resultFiles) = (.validatedOnly, ["preview.json"])
        case .succeeded where WholeFolder.fault(in: result) == nil:
            status = JobStatus(copying: status, in: .succeeded)
            status.resultFiles = ["metrics.csv", "result"]
        default: break
        }
        if status.state.isFinal { status.finishedAt = last.time }
        return status
    }

    /// The end of a job of which nothing that can be understood is left but its name.
    private func lostStatus(because error: any Error) throws(StorageError) -> JobStatus? {
        guard [ledgerFile, statusFile, manifestFile, acceptanceFile].contains(where: FolderListing.exists) else { return nil }
        let createdAt = Int((JobIdentifier.milliseconds(of: id) ?? 0) / 1000)
        let failure = JobStatus.Failure(
            code: .damagedJob,
            message:
                "neither ledger.json nor status.json can be understood, and nothing else says what the job was (\(error)); what it left lies in its folder: drop its manifest again"
        )
        var status = JobStatus(id: id, lostAt: try lastEvent(where: { _ in true })?.time ?? createdAt, createdAt: createdAt, error: failure)
        status.owner = (try? acceptance())?.owner
        status.checkpoint = checkpointNames.last
        return status
    }

    /// The last whole event of a kind.
    private func lastEvent(where isWanted: (EventCode) -> Bool) throws(StorageError) -> (code: EventCode?, message: String, time: Int)? {
        let bytes: [UInt8]
        do throws(StorageError) { bytes = try DurableFiles.read(eventsFile, limit: 256 << 20) } catch {
            if error.isTransient { throw error }
            return nil
        }
        for line in bytes.split(separator: UInt8(ascii: "\n")).reversed() {
            guard let node = try? JSONParser().parse(Array(line)), let message = node["message"]?.string else { continue }
            let code = node["code"].map { $0.string.flatMap(EventCode.init(rawValue:)) } ?? LegacyEvent.code(of: message)
            guard let code, isWanted(code) else { continue }
            return (code, message, node["created_at"]?.integer ?? 0)
        }
        return nil
    }
}
