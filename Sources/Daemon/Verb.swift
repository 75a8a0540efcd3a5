/// What may be asked of a job, by an empty file `control/<job>.<verb>`; the daemon forwards some of
/// them to the worker.
enum Verb: String, Sendable, CaseIterable {
    case cancel, pause, resume, checkpoint, delete
}
