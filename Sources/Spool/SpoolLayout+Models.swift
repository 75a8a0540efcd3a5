import Storage
import Tensors

extension SpoolLayout {
    /// Names in the catalogue that hold a model, `NAME` and `OWNER/NAME`, by the names of their
    /// files alone; of a folder with several GGUF files those.
    package var modelNames: [String] {
        Self.folders(models).flatMap { name -> [String] in
            let own = names(at: name)
            return own.isEmpty ? Self.folders(models + "/" + name).flatMap { names(at: name + "/" + $0) } : own
        }
    }

    /// What a name in the catalogue stands for: nothing, one model, or several in files.
    private func names(at name: String) -> [String] {
        let path = models + "/" + name
        // Of a model in parts the first stands for all.
        guard ModelFolders.isModel(path), GGUFNames.part(DurableFiles.split(name).name).map({ $0.number == 1 }) ?? true else { return [] }
        guard ModelFolders.form(of: path) == .gguf, FolderListing.isFolder(path) else { return [name] }
        let files = GGUFNames.models(in: path)
        return files.count > 1 ? files.map { name + "/" + $0 } : [name]
    }

    private static func folders(_ path: String) -> [String] {
        ((try? FolderListing.names(in: path)) ?? []).filter { !$0.hasPrefix(".") }
    }
}
