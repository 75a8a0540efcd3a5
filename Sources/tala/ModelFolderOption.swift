import ArgumentParser
import CommandLineTools
import Glibc
import Hub
import Spool
import Storage

/// Where a model is put, and under which name.
struct ModelFolderOption: ParsableArguments {
    @Option(
        help: ArgumentHelp("Put the model's folder into this folder instead of the spool's models/.", valueName: "dir"),
        completion: .directory)
    var to: String?
    @Option(help: "What the model is called: its folder's name. Without it, the name that it has there.") var name: String?
    @Flag(help: "Replace a model of this name.") var force = false

    /// The folder that the model is to become.
    /// - Parameter standard: what it is called without `--name`.
    /// - Throws: ``CommandFailure`` that says what to do where the user may not write.
    func target(_ standard: String, _ layout: SpoolLayout) throws(CommandFailure) -> String {
        let name = name ?? standard
        guard HubReference.isName(name) else {
            throw CommandFailure(.usage, "\"\(Terminal.safe(name))\" is not a name of letters, digits, -, _ and .; give one with --name")
        }
        let parent = to ?? layout.models
        guard FolderListing.leads(parent) else {
            throw CommandFailure(
                .notFound,
                to == nil
                    ? "there is no \(parent): name the spool with --spool or TALA_SPOOL, or another folder with --to"
                    : "there is no folder \(parent)")
        }
        guard access(parent, W_OK | X_OK) == 0 else {
            throw CommandFailure(
                .failed,
                to == nil
                    ? "you may not write into \(parent), which is the administrator's: run the command with sudo, or put the model into a "
                        + "folder of yours with --to DIR and name it in the manifest by its absolute path (the policy says which folders may be named so)"
                    : "you may not write into \(parent)")
        }
        return parent + "/" + name
    }
}
