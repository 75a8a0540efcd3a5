import Basics
import Glibc
import JSON
import Jobs
import Spool
import Storage

// What is written down on the way: the ledger, the status shown, events.
extension JobRunner {
    /// Enters into the ledger how things are, and shows it. For what must survive: states,
    /// checkpoints, the plan.
    func save() throws {
        // The file whose sync failed is dead; a new one may lie on better ground.
        do { try folder.write(status) } catch let error as StorageError where error.errorNumber == EIO { try folder.write(status) }
        lastEntry = MonotonicClock.seconds()
    }

    /// Shows how far the job has come. What it has used meanwhile is entered into the ledger once a
    /// minute.
    func publish() throws {
        if MonotonicClock.seconds() - lastEntry > 60 { return try save() }
        do throws(StorageError) { try folder.show(status) } catch {
            guard error.errorNumber == EIO else { throw error }
            try folder.show(status)
        }
    }

    func syncEvents() throws { try events.sync() }

    func event(_ code: EventCode, _ message: String, _ level: JobEvent.Level = .info, data: JSONNode? = nil) throws {
        try events.append(level, code, message, data: data, at: Self.wallTime())
        guard journal.isSystemLog, code.concernsTheMachine else { return }
        journal.log(
            .warning, "\(folder.id): \(message)", nil,
            Journal.Subject(job: folder.id, step: status.progress.step, user: status.owner, device: status.device))
    }
}
