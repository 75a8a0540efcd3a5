import Glibc
import Jobs
import Spool
import Storage

/// Reads the files in `control/`: `<job>.<verb>`, asked by the file's owner.
///
/// A file is taken away after it has been acted on: what cannot be done now is done later, also by
/// the next daemon.
final class Controls {
    private let store: JobStore
    private let users: Users
    private let retries: Retries
    private var failures = FailureCount()
    /// Files that have been acted on and could not be taken away yet.
    private var pendingRemovals: Set<String> = []

    init(_ store: JobStore, _ users: Users, _ retries: Retries) {
        self.store = store
        self.users = users
        self.retries = retries
    }

    /// - Parameter apply: does what a user asked for who may ask for it.
    func run(_ apply: (Verb, inout JobStatus) -> Void) {
        guard failures.isAllowed else { return }
        do {
            for name in try FolderListing.names(in: store.layout.control) where !pendingRemovals.contains(name) { try act(on: name, apply) }
            failures.succeeded()
        } catch {
            if failures.failed(limit: 5) { store.journal.log(.error, "control/: \(error); trying again") }
        }
    }

    private func act(on name: String, _ apply: (Verb, inout JobStatus) -> Void) throws {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let path = store.layout.control + "/" + name
        var information = stat()
        guard parts.count == 2, JobIdentifier.isJob(parts[0]), lstat(path, &information) == 0 else {
            if Claim.isCandidate(name) { FolderListing.delete(path) }
            return
        }
        // A hard link to another user's file would speak in that user's name.
        guard information.st_mode & S_IFMT == S_IFREG, information.st_nlink == 1 else { return FolderListing.delete(path) }
        let id = String(parts[0])
        let known = try store.status(id)
        defer { remove(name, of: id) }
        guard var status = known else { return }
        let asker = Int(information.st_uid)
        guard users.may(asker, controlJobOf: status.owner) else { return refuse(String(parts[1]), asker, status) }
        guard let verb = Verb(rawValue: String(parts[1])) else { return Self.logMeaningless(parts[1], status, store.journal) }
        apply(verb, &status)
    }

    private func refuse(_ verb: String, _ asker: Int, _ status: JobStatus) {
        store.journal.log(
            .warning, "\(status.id): user \(asker) may not \(verb) this job", .refusedControl, Journal.Subject(job: status.id, user: asker))
        let message = "User \(asker) asked to \(verb.prefix(16)) this job and may not"
        try? EventLog(store.folder(status.id)).append(.warn, .controlRefused, message, at: Clock.wall())
    }

    static func logMeaningless(_ verb: some StringProtocol, _ status: JobStatus, _ journal: Journal) {
        journal.log(
            .notice, "\(status.id): \(verb) means nothing for a job that is \(status.state.rawValue)", nil, Journal.Subject(job: status.id))
    }

    /// Removes a control file once what it asked for has been written down.
    private func remove(_ name: String, of id: String) {
        pendingRemovals.insert(name)
        retries.retryUntilDone("removing of control/\(name)") { [self] _ in
            if store.isPending(id) || retries.contains(JobControl.forwarding(name)) {
                throw StorageError(operation: "write down what came of", path: name, errorNumber: EAGAIN)
            }
            do throws(StorageError) { try DurableFiles.remove(store.layout.control + "/" + name) } catch {
                // What may not be removed is not looked at any more.
                if [EACCES, EPERM, EROFS].contains(error.errorNumber) { return }
                if !error.isMissing { throw error }
            }
            pendingRemovals.remove(name)
        }
    }
}
