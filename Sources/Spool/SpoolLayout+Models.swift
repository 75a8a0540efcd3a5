import Storage
import Tensors

extension SpoolLayout {
    /// Names in the catalogue that hold a model, `NAME` and `OWNER/NAME`, by the names of their
    /// files alone.
    package var modelNames: [String] {
        Self.folders(models).flatMap { name -> [String] in
            let path = models + "/" + name
            if ModelFolders.isModel(path) { return [name] }
            return Self.folders(path).map { name + "/" + $0 }.filter { ModelFolders.isModel(models + "/" + $0) }
        }
    }

    private static func folders(_ path: String) -> [String] {
        ((try? FolderListing.names(in: path)) ?? []).filter { !$0.hasPrefix(".") }
    }
}
