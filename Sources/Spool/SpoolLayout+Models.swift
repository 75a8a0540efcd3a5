import Storage
import Tensors

extension SpoolLayout {
    /// Names in the catalogue that hold a model, by the names of its files alone.
    package var modelNames: [String] {
        ((try? FolderListing.names(in: models)) ?? []).filter { !$0.hasPrefix(".") && ModelFolders.isModel(models + "/" + $0) }
    }
}
