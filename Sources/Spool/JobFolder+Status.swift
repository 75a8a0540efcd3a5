import Glibc
import JSON
package import Jobs
import Manifest
package import Storage

/// What a job's ledger says.
package enum LedgerEntry: Sendable, Hashable {
    case found(Ledger)
    /// The job was accepted by a program that kept none.
    case none
    /// It is not what was written, for a reason that can be shown.
    case damaged(String)
}

/// A job as its own files tell it.
package struct JobRecord: Sendable, Hashable {
    package var status: JobStatus
    /// Whether `status.json` says the same. It is to be written anew otherwise.
    package var isShown: Bool
    /// Whether `ledger.json` says it. An entry is to be made otherwise.
    package var isEntered: Bool
    /// What is to be told of files that were damaged.
    package var damage: String?
}

extension JobFolder {
    /// - Throws: ``StorageError`` if the ledger is there and cannot be read now.
    package func ledger() throws(StorageError) -> LedgerEntry {
        do {
            let bytes: [UInt8]
            do { bytes = try OwnDigests.read(ledgerFile, limit: 4 << 20) } catch let damage as OwnDigests.Damage where damage.isOfList {
                // Whoever reads the manifest finds that too and fails the job; that must find its
                // way into the ledger.
                bytes = try DurableFiles.read(ledgerFile, limit: 4 << 20)
            }
            let node = try JSONParser().parse(bytes)
            return Ledger(json: node).map { .found($0) } ?? .damaged("\(ledgerFile) holds no ledger")
        } catch {
            guard let error = error as? StorageError else { return .damaged("\(error)") }
            if error.errorNumber == EFBIG { return .damaged("\(error)") }
            guard error.isMissing else { throw error }
            return OwnDigests.lists(ledgerFile) ? .damaged("\(ledgerFile) is missing") : .none
        }
    }

    /// What `status.json` says, or nil if there is none or it is damaged.
    /// - Throws: ``StorageError`` if it is there and cannot be read now.
    package func shownStatus() throws(StorageError) -> JobStatus? {
        let bytes: [UInt8]
        do throws(StorageError) { bytes = try DurableFiles.read(statusFile, limit: 4 << 20) } catch {
            if error.isMissing || error.errorNumber == EFBIG { return nil }
            throw error
        }
        return (try? JSONParser().parse(bytes)).flatMap { JobStatus(json: $0) }
    }

    /// The job as ledger and status tell it together: the ledger decides; of the status come the
    /// progress and what was metered since the last entry.
    /// - Returns: nil if neither can be understood, or the ledger is all there is and the manifest
    ///   is not what was written either.
    /// - Throws: ``StorageError`` if a file is there and cannot be read now.
    package func record() throws(StorageError) -> JobRecord? {
        let entry = try ledger()
        let shown = try shownStatus()
        switch entry {
        case .none: return shown.map { JobRecord(status: $0, isShown: true, isEntered: false) }
        case .damaged(let reason): return shown.map { JobRecord(status: $0, isShown: true, isEntered: false, damage: reason) }
        case .found(var ledger):
            guard var status = shown else {
                return try rendered(ledger).map {
                    JobRecord(status: $0, isShown: false, isEntered: true, damage: "status.json was missing or damaged")
                }
            }
            // The manifest's part is that of the status: validation fills in what the manifest left
            // open.
            ledger.takeLater(status.ledger)
            let isShown = status.ledger == ledger
            status.ledger = ledger
            return JobRecord(status: status, isShown: isShown, isEntered: true)
        }
    }

    /// The status of a job by ``record()``, or nil where that is nil.
    package func readStatus() throws(StorageError) -> JobStatus? { try record()?.status }

    /// The status as users see it, or what the ledger knows where `status.json` cannot be read; nil
    /// if neither can.
    package func status() -> JobStatus? { (try? shownStatus()) ?? (try? readStatus()) ?? nil }

    /// A status made from manifest, acceptance and ledger; the progress is that of the last row of
    /// the metrics.
    /// - Returns: nil if manifest or acceptance cannot be understood.
    private func rendered(_ ledger: Ledger) throws(StorageError) -> JobStatus? {
        let manifest: Manifest
        let acceptance: JobAcceptance
        do {
            manifest = try self.manifest()
            acceptance = try self.acceptance()
        } catch {
            if let error = error as? StorageError, !error.isMissing { throw error }
            return nil
        }
        var status = JobStatus(id: id, ledger: ledger, createdAt: acceptance.createdAt, manifest: manifest)
        status.owner = acceptance.owner
        status.sweep = acceptance.sweep
        status.currency = acceptance.prices?.currency
        let total = ledger.usage.total
        if !ledger.usage.months.isEmpty {
            status.cost = acceptance.prices?.cost(deviceSeconds: total.deviceSeconds, trainedTokens: total.trainedTokens)
        }
        status.progress.totalSteps = try validation()?["total_steps"]?.integer ?? 0
        if let bytes = try? DurableFiles.read(metricsFile),
            let row = bytes.split(separator: UInt8(ascii: "\n")).last.flatMap({ MetricsRow(line: String(decoding: $0, as: UTF8.self)) })
        {
            status.progress.step = row.step
            status.progress.trainLoss = row.trainLoss
            status.progress.packingEfficiency = row.packingEfficiency
        }
        return status
    }

    /// Makes an entry in the ledger and renders it. When this returns, the entry is durable. So is
    /// the rendering of a job that has ended or is paused: who has read that a job has succeeded
    /// reads it after a power cut too.
    package func write(_ status: JobStatus) throws {
        try enter(status.ledger)
        try show(status, durably: status.state.isFinal || status.state == .paused)
    }

    /// Makes an entry in the ledger.
    package func enter(_ ledger: Ledger) throws {
        let text = JSONWriter(isIndented: true).string(ledger.json) + "\n"
        do { try OwnDigests.replace(ledgerFile, with: text, mode: 0o600) } catch let damage as OwnDigests.Damage where damage.isOfList {
            // The list stays as it is: it is what the job fails for.
            try DurableFiles.replace(ledgerFile, with: text, mode: 0o600)
        }
    }

    /// Renders a status for users. What a power cut takes of one that is not durable is rendered
    /// again from the ledger.
    package func show(_ status: JobStatus, durably: Bool = false) throws(StorageError) {
        try DurableFiles.replace(statusFile, with: JSONWriter(isIndented: true).string(status.json) + "\n", durably: durably)
    }
}
