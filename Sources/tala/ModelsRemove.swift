import ArgumentParser
import CommandLineTools
import JSON
import Jobs
import Spool
import Storage

/// `tala models remove`.
struct ModelsRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Delete a model of the spool.",
        discussion: "A model that a job still needs stays, unless --force is given: waiting, running and paused jobs read their model anew."
    )
    @OptionGroup var options: SpoolOptions
    @Flag(help: "Delete it even if a job needs it.") var force = false
    @Argument(help: "A name in models/.", completion: ModelCompletion.names) var model: String

    func run() throws {
        let layout = try options.opened()
        let path = layout.models + "/" + model
        let parts = model.split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.contains(where: { $0.isEmpty || $0.hasPrefix(".") }), FolderListing.isFolder(path) else {
            throw CommandFailure(.notFound, "there is no model \"\(Terminal.safe(model))\" in \(layout.models)")
        }
        let jobs = force ? [] : Self.jobs(of: path, layout)
        guard jobs.isEmpty else {
            throw CommandFailure(
                .wrongState,
                "\(Terminal.safe(model)) is needed by \(jobs.prefix(5).joined(separator: ", ")): let the jobs end, or give --force")
        }
        do throws(StorageError) { try WholeFolder.remove(path) } catch { throw CommandFailure(.failed, "\(error)") }
        if options.json { return try StandardOutput.json(["removed": JSONNode(model)], isIndented: false) }
        try StandardOutput.line("\(path) is removed")
    }

    /// Jobs that have not ended and train from a folder.
    private static func jobs(of path: String, _ layout: SpoolLayout) -> [String] {
        let name = DurableFiles.split(path).name
        return JobListing.ids(layout).filter { id in
            let job = layout.job(id)
            guard let status = job.status(), !status.state.isFinal else { return false }
            let used = (try? job.acceptance())?.modelPath ?? status.model
            return used == path || used == name || used.hasSuffix("/models/" + name)
        }
    }
}
