import GGUFModels
import Storage
package import Tensors
package import Tokenization

extension ModelFolders {
    /// The model at a path, read in the form that it has.
    package static func open(_ path: String) -> any ModelFolder {
        switch form(of: path) {
        case .huggingFace: HuggingFaceFolder(path: path)
        case .gguf: GGUFFolder(path: path)
        }
    }
}

extension TokenizerTexts {
    /// The texts of a model, in whatever form it lies on disk.
    package init(_ folder: any ModelFolder) {
        if folder is HuggingFaceFolder {
            self.init(folder: folder.path)
        } else {
            self.init(path: folder.path, names: folder.companions) { name throws(TokenizerError) in
                do { return try folder.text(name, limit: 256 << 20) } catch {
                    let known = ModelError(of: error, file: folder.place(of: name))
                    throw TokenizerError(file: known.file, field: known.field, errorNumber: known.errorNumber, known.message)
                }
            }
        }
    }
}

extension ModelError {
    /// What reading a model's text threw.
    init(of error: any Error, file: String) {
        if let fault = error as? GGUFFault {
            self.init(file: fault.path, field: fault.field, errorNumber: fault.errorNumber, fault.message)
        } else {
            self.init(file: file, errorNumber: (error as? StorageError)?.errorNumber, "\(error)")
        }
    }
}
