import ArgumentParser
import CommandLineTools
import Spool
import Storage
import Tensors

/// `tala models`: the models that jobs may name.
struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models", abstract: "List, download, add, check and remove models.",
        subcommands: [ModelsList.self, ModelsShow.self, ModelsPull.self, ModelsAdd.self, ModelsVerify.self, ModelsRemove.self])

    /// The folder or the file of a model: a name in `models/`, or a path with a slash in it.
    /// - Throws: ``CommandFailure`` if there is none.
    static func folder(_ name: String, _ layout: SpoolLayout) throws(CommandFailure) -> String {
        let path = layout.models + "/" + name
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        if !parts.contains(where: { $0.isEmpty || $0.hasPrefix(".") }), FolderListing.leads(path) { return path }
        if name.contains("/"), ModelFolders.isModel(name) { return name }
        let known = layout.modelNames
        throw CommandFailure(
            .notFound,
            "there is no model \"\(Terminal.safe(name))\" in \(layout.models)"
                + (known.isEmpty ? "" : "; there are \(known.prefix(20).map(Terminal.safe).joined(separator: ", "))"))
    }
}
