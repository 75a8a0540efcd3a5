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

    /// Asks it of a job, or of every job of a sweep for which it has a meaning.
    /// - Throws: ``CommandFailure`` if there is no such job or group, if the verb means nothing for
    ///   it, if this user may not ask, or if nobody is there to act.
    func ask(_ job: String?, group: String?, _ options: SpoolOptions) throws {
        switch (job, group) {
        case (let job?, nil): try ask(options.job(job), options)
        case (nil, let group?): try ask(SweepGroup(group, options.opened()), options)
        case (_?, _?): throw CommandFailure(.usage, "give a job or --group, not both")
        case (nil, nil): throw CommandFailure(.usage, "name a job, or a sweep with --group")
        }
    }

    private func ask(_ folder: JobFolder, _ options: SpoolOptions) throws {
        let context = [JSONMember("id", JSONNode(folder.id)), JSONMember("verb", JSONNode(rawValue))]
        // What cannot be read is the daemon's to judge.
        let state = folder.status()?.state
        if let state, let objection = objection(to: state) {
            throw CommandFailure(
                .wrongState, "\(folder.id) is \(state.rawValue): \(rawValue) has no effect, \(objection)",
                context: context + [JSONMember("status", JSONNode(state.rawValue))])
        }
        try note(folder.id, options, context)
        try answer(context, ["\(folder.id): \(rawValue) requested"], options)
    }

    private func ask(_ group: SweepGroup, _ options: SpoolOptions) throws {
        let asked = group.statuses.filter { objection(to: $0.state) == nil }.map(\.id)
        let context = [
            JSONMember("group", JSONNode(group.name)), JSONMember("verb", JSONNode(rawValue)),
            JSONMember("ids", JSONNode(asked.map { JSONNode($0) })),
        ]
        guard !asked.isEmpty else {
            throw CommandFailure(
                .wrongState, "\(rawValue) has no effect on any of the \(group.statuses.count) jobs of \(group.name): see tala list --group",
                context: context)
        }
        for job in asked { try note(job, options, context) }
        try answer(context, asked.map { "\($0): \(rawValue) requested" }, options)
    }

    /// Puts the verb's file into `control/`.
    private func note(_ job: String, _ options: SpoolOptions, _ context: [JSONMember]) throws {
        let control = options.layout.control
        let path = "\(control)/\(job).\(rawValue)"
        guard !FolderListing.exists(path) else { return }
        do throws(StorageError) { try DurableFiles.replace(path, with: "") } catch {
            guard error.errorNumber == EACCES || error.errorNumber == EPERM else { throw error }
            throw CommandFailure(.failed, "you may not write into \(control)" + FolderGroup.remedy(control), context: context)
        }
    }

    private func answer(_ context: [JSONMember], _ lines: [String], _ options: SpoolOptions) throws {
        let presence = DaemonPresence(options.layout)
        guard presence.isRunning else {
            throw CommandFailure(.noDaemon, "\(rawValue) is noted, but \(presence.warning)", context: context)
        }
        if options.json {
            try StandardOutput.json(JSONNode(context), isIndented: false)
        } else {
            try StandardOutput.line(lines.joined(separator: "\n"))
        }
    }
}

/// A sweep whose jobs are asked together.
struct GroupOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "In place of a job: all jobs of this sweep for which it has a meaning. The group's name, or its end.", valueName: "name"))
    var group: String?
}

package struct Cancel: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "End a job for good, with a last checkpoint if it runs.", discussion: VerbHelp.discussion)
    @OptionGroup var options: SpoolOptions
    @OptionGroup var sweep: GroupOption
    @Argument(help: "The job's id, or its end.", completion: JobCompletion.unended) var job: String?
    package init() {}
    package func run() throws { try Verb.cancel.ask(job, group: sweep.group, options) }
}

package struct Pause: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Stop a job with a checkpoint, to be resumed.", discussion: VerbHelp.discussion)
    @OptionGroup var options: SpoolOptions
    @OptionGroup var sweep: GroupOption
    @Argument(help: "The job's id, or its end.", completion: JobCompletion.unended) var job: String?
    package init() {}
    package func run() throws { try Verb.pause.ask(job, group: sweep.group, options) }
}

package struct Resume: ParsableCommand {
    package static let configuration = CommandConfiguration(abstract: "Let a paused job go on.", discussion: VerbHelp.discussion)
    @OptionGroup var options: SpoolOptions
    @OptionGroup var sweep: GroupOption
    @Argument(help: "The job's id, or its end.", completion: JobCompletion.paused) var job: String?
    package init() {}
    package func run() throws { try Verb.resume.ask(job, group: sweep.group, options) }
}

package struct CheckpointNow: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "checkpoint", abstract: "Write a checkpoint of a running job now.", discussion: VerbHelp.discussion)
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end.", completion: JobCompletion.running) var job: String
    package init() {}
    package func run() throws { try Verb.checkpoint.ask(job, group: nil, options) }
}

package struct Delete: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Delete a job that has ended, with its checkpoints and its result.", discussion: VerbHelp.discussion)
    @OptionGroup var options: SpoolOptions
    @OptionGroup var sweep: GroupOption
    @Argument(help: "The job's id, or its end.", completion: JobCompletion.ended) var job: String?
    package init() {}
    package func run() throws { try Verb.delete.ask(job, group: sweep.group, options) }
}

enum VerbHelp {
    static let discussion =
        "Exit codes: 0 requested, 1 if the job's state gives the verb no meaning, 2 no such job, 75 noted but no daemon is running."
}
