import Glibc
import Jobs
import Spool
import Storage

/// Takes what is complete out of `incoming/` and makes jobs or rejections of it.
final class Intake {
    private let layout: SpoolLayout
    private let acceptance: Acceptance
    private let retries: Retries
    private let sweeps: SweepKeeper
    private let journal: Journal
    private var drops: DropFinder
    private var failures = FailureCount()
    /// The milliseconds of the newest job's name.
    private var newestIdentifier: UInt64 = 0
    private(set) var acceptedCount = 0
    private(set) var rejectedCount = 0
    private var lastScan = -Double.infinity

    init(
        _ layout: SpoolLayout, _ acceptance: Acceptance, settleSeconds: Double, abandonedSeconds: Double, _ retries: Retries,
        _ sweeps: SweepKeeper, _ journal: Journal
    ) {
        self.layout = layout
        self.acceptance = acceptance
        self.retries = retries
        self.sweeps = sweeps
        self.journal = journal
        drops = DropFinder(
            folder: layout.incoming, settleSeconds: settleSeconds, abandonedSeconds: abandonedSeconds,
            wall: { Double(Clock.wallMilliseconds()) / 1000 })
    }

    /// Whether a drop is being waited for.
    var isWaiting: Bool { drops.isWaiting }

    /// Whether nothing is left in `incoming/`.
    var isDone: Bool {
        !drops.isWaiting && (try? FolderListing.names(in: layout.incoming))?.contains { Claim.isCandidate($0) } == false
    }

    // MARK: Finding

    /// Looks through the whole folder if that was long ago, or something may have been missed.
    /// - Returns: whether it did.
    @discardableResult
    func rescan(force: Bool = false) -> Bool {
        let now = Clock.monotonic()
        guard force || now - lastScan > 10 else { return false }
        // A folder that cannot be listed is looked at again in a second.
        lastScan = drops.rescan(now: now) ? now : now - 9
        return true
    }

    /// Takes in what happened in the folder.
    func note(_ changes: SpoolWatch.Changes) {
        let now = Clock.monotonic()
        for name in changes.completed { drops.completed(name, now: now) }
        for name in changes.appeared { drops.appeared(name, now: now) }
        drops.reconsider(now: now)
    }

    // MARK: Taking

    /// Takes what is complete, for a moment: a flood of drops must not keep the loop from its
    /// workers.
    /// - Parameters:
    ///   - submitter: a user, by the id of who owns a drop.
    ///   - judges: what may be asked about users and other jobs.
    ///   - note: called with what came of each drop before the next one is judged: it may use up a
    ///     quota.
    func take(submitter: (Int) -> Submitter, _ judges: Acceptance.Judges, _ note: @escaping (Acceptance.Result) -> Void) {
        let start = Clock.monotonic()
        guard failures.isAllowed else { return }
        while Clock.monotonic() - start < 0.2, let found = drops.take() {
            let milliseconds = Clock.wallMilliseconds()
            let id = JobIdentifier.job(milliseconds: nextIdentifier())
            do {
                let result: Acceptance.Result
                switch found {
                case .complete(let name):
                    result = try acceptance.take(
                        name, id: id, further: { JobIdentifier.job(milliseconds: nextIdentifier()) }, milliseconds: milliseconds,
                        submitter: submitter, judges)
                case .abandoned(let name): result = try acceptance.abandon(name, milliseconds: milliseconds)
                }
                if case .stillWritten = result { restoreDropLater(id, name: found.name) }
                count(result, found.name)
                if case .swept(let folder, _) = result { sweeps.place(folder) { _, _ in note(result) } } else { note(result) }
                failures.succeeded()
            } catch {
                // The drop is not lost because the spool is in trouble: it waits where it was.
                if failures.failed(limit: 5) { journal.log(.error, "cannot take \(found): \(error); trying again") }
                drops.wait(found)
                restoreDropLater(id, name: found.name)
                return
            }
        }
    }

    private func count(_ result: Acceptance.Result, _ name: String) {
        switch result {
        case .accepted(let status, _): countAccepted(status, name)
        case .swept(_, let jobs):
            for (status, _) in jobs { countAccepted(status, name) }
        case .rejected(let name, let owner, let message):
            rejectedCount += 1
            journal.log(.warning, "rejected \(name): \(message)", .rejected, Journal.Subject(user: owner))
        case .gone, .stillWritten: break
        }
    }

    private func countAccepted(_ status: JobStatus, _ name: String) {
        acceptedCount += 1
        journal.log(
            .information, "\(status.id): accepted from \(name)", .accepted, Journal.Subject(job: status.id, user: status.owner))
    }

    /// Takes in the name of a job that is there.
    func note(identifier milliseconds: UInt64) {
        // Invented names must not use up all that are left.
        if milliseconds < 1 << 47 { newestIdentifier = max(newestIdentifier, milliseconds) }
    }

    /// The milliseconds that the next job's name gets: later than all before, also when the wall
    /// clock has been set back, so that names stay in order.
    private func nextIdentifier() -> UInt64 {
        newestIdentifier = max(Clock.wallMilliseconds(), newestIdentifier + 1)
        return newestIdentifier
    }

    // MARK: Restoring drops

    /// Undoes what was begun with a drop that has not become a job.
    /// - Parameter name: what it was called, if that is known.
    func restoreDropLater(_ id: String, name: String? = nil) {
        retries.retryUntilDone("restoring of the drop \(id)") { [self] _ in try restoreDrop(id, name: name) }
    }

    /// The drop goes back into `incoming/`, and the rest is deleted.
    private func restoreDrop(_ id: String, name: String?) throws {
        let (claim, building) = (layout.claim(id), layout.building(id))
        // The job folder, or that of a sweep, appears by one rename: if it is not there, the drop
        // was not accepted yet.
        if !FolderListing.exists(layout.job(id).path), !SweepFolder(layout, id).exists {
            // A bundle that had already moved into the job's folder goes back as well.
            for drop in [building + "/bundle", claim + "/drop", layout.incoming + "/" + Claim.takenPrefix + id]
            where FolderListing.exists(drop) {
                let suffix = FolderListing.isFolder(drop) ? "" : Self.suffix(ofManifest: drop)
                var target = name ?? "recovered-" + id + suffix
                if FolderListing.exists(layout.incoming + "/" + target) { target = "recovered-" + id.dropFirst(6) + "-" + target }
                try DurableFiles.rename(drop, to: layout.incoming + "/" + target)
                drops.completed(target, now: Clock.monotonic())
            }
        }
        for rest in [building, claim] where FolderListing.exists(rest) {
            FolderListing.delete(rest)
            if FolderListing.exists(rest) { throw StorageError(operation: "remove", path: rest, errorNumber: EIO) }
        }
    }

    private static func suffix(ofManifest path: String) -> String {
        guard let bytes = try? DurableFiles.read(path, limit: 1 << 20), let first = bytes.first(where: { $0 > 0x20 }) else {
            return ".json"
        }
        return first == UInt8(ascii: "{") ? ".json" : ".yaml"
    }
}
