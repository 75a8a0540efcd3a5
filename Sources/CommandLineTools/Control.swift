package import ArgumentParser
import Glibc
import Jobs
import Spool
import Storage

/// Commands that put a file into `control/`.
enum Control {
    static func ask(_ verb: String, _ job: String, _ options: SpoolOptions) throws {
        let folder = try options.job(job)
        let path = "\(options.layout.control)/\(folder.id).\(verb)"
        if !FolderListing.exists(path) { try DurableFiles.replace(path, with: "") }
        guard JobListing.daemonRuns(options.layout) else {
            StandardError.write("no daemon works on \(options.layout.root) now; it is done when one does\n")
            throw CommandExit.noDaemon.code
        }
        if !options.json { print("\(folder.id): \(verb) asked for") }
    }
}

package struct Cancel: ParsableCommand {
    package static let configuration = CommandConfiguration(abstract: "End a job for good, with a last checkpoint if it runs.")
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end.") var job: String
    package init() {}
    package func run() throws { try Control.ask("cancel", job, options) }
}

package struct Pause: ParsableCommand {
    package static let configuration = CommandConfiguration(abstract: "Stop a job with a checkpoint, to be resumed.")
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end.") var job: String
    package init() {}
    package func run() throws { try Control.ask("pause", job, options) }
}

package struct Resume: ParsableCommand {
    package static let configuration = CommandConfiguration(abstract: "Let a paused job go on.")
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end.") var job: String
    package init() {}
    package func run() throws { try Control.ask("resume", job, options) }
}

package struct CheckpointNow: ParsableCommand {
    package static let configuration = CommandConfiguration(commandName: "checkpoint", abstract: "Write a checkpoint of a running job now.")
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end.") var job: String
    package init() {}
    package func run() throws { try Control.ask("checkpoint", job, options) }
}

package struct Delete: ParsableCommand {
    package static let configuration = CommandConfiguration(abstract: "Delete a job that has ended, with its checkpoints and its result.")
    @OptionGroup var options: SpoolOptions
    @Argument(help: "The job's id, or its end.") var job: String
    package init() {}
    package func run() throws {
        let folder = try options.job(job)
        guard folder.status()?.state.isFinal != false else { throw ValidationError("\(folder.id) has not ended: cancel it first") }
        try Control.ask("delete", job, options)
    }
}
