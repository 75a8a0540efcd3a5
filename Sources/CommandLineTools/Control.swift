package import ArgumentParser
import Glibc
import JSON
import Jobs
import Spool
import Storage

/// What a user may ask of a job: the endings of the files in `control/`.
enum Verb: String {
    case cancel
    case pause
    case resume
    case checkpoint
    case delete

    /// What stands against the verb in a state, or nil where it has a meaning.
    func objection(to state: JobState) -> String? {
        switch self {
        case .cancel: state.isFinal ? "it has ended already" : nil
        case .pause: state.isFinal ? "it has ended already" : state == .paused ? "it is paused already" : nil
        case .resume: state == .paused ? nil : state.isFinal ? "it has ended, and only a paused job can be resumed" : "it is not paused"
        case .checkpoint: state == .running ? nil : state.isFinal ? "it has ended already" : "only a running job has something to keep"
        case .delete: state.isFinal ? nil : "it has not ended: cancel it first"
        }
    }

    /// Puts the verb's file into `control/`.
    /// - Throws: ``CommandFailure`` if there is no such job, if the verb means nothing for it, if
    ///   this user may not ask, or if nobody is there to act.
    func ask(_ job: String, _ options: SpoolOptions) throws {
        let folder = try options.job(job)
        let context = [JSONMember("id", JSONNode(folder.id)), JSONMember("verb", JSONNode(rawValue))]
        // What cannot be read is the daemon's to judge.
        let state = folder.status()?.state
        if let state, let objection = objection(to: state) {
            throw CommandFailure(
                .wrongState, "\(folder.id) is \(state.rawValue): \(rawValue) has no effect, \(objection)",
                context: context + [JSONMember("status", JSONNode(state.rawValue))])
        }
        let control = options.layout.control
        let path = "\(control)/\(folder.id).\(rawValue)"
        if !FolderListing.exists(path) {
            do throws(StorageError) { try DurableFiles.replace(path, with: "") } catch {
                guard error.errorNumber == EACCES || error.errorNumber == EPERM else { throw error }
                throw CommandFailure(.failed, "you may not write into \(control)" + FolderGroup.remedy(control), context: context)
            }
        }
        let presence = DaemonPresence(options.layout)
        guard presence.isRunning else {
            throw CommandFailure(.noDaemon, "\(rawValue) is noted, but \(presence.warning)", context: context)
        }
        if options.json {
            try StandardOutput.json(JSONNode(context), isIndented: false)
        } else {
            try StandardOutput.line("\(folder.id): \(rawValue) requested")
        }
    }
}

package struct Cancel: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "End a job for good, with a last checkpoint if it runs.", discussion: VerbHelp.discussion)
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end.", completion: JobCompletion.unended) var job: String
    package init() {}
    package func run() throws { try Verb.cancel.ask(job, options) }
}

package struct Pause: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Stop a job with a checkpoint, to be resumed.", discussion: VerbHelp.discussion)
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end.", completion: JobCompletion.unended) var job: String
    package init() {}
    package func run() throws { try Verb.pause.ask(job, options) }
}

package struct Resume: ParsableCommand {
    package static let configuration = CommandConfiguration(abstract: "Let a paused job go on.", discussion: VerbHelp.discussion)
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end.", completion: JobCompletion.paused) var job: String
    package init() {}
    package func run() throws { try Verb.resume.ask(job, options) }
}

package struct CheckpointNow: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "checkpoint", abstract: "Write a checkpoint of a running job now.", discussion: VerbHelp.discussion)
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end.", completion: JobCompletion.running) var job: String
    package init() {}
    package func run() throws { try Verb.checkpoint.ask(job, options) }
}

package struct Delete: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Delete a job that has ended, with its checkpoints and its result.", discussion: VerbHelp.discussion)
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end.", completion: JobCompletion.ended) var job: String
    package init() {}
    package func run() throws { try Verb.delete.ask(job, options) }
}

enum VerbHelp {
    static let discussion =
        "Exit codes: 0 requested, 1 if the job's state gives the verb no meaning, 2 no such job, 75 noted but no daemon is running."
}
