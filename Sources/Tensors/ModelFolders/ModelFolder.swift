import Storage

/// A model on disk, in whatever form: its configuration, tokenizer and chat templates, its weights,
/// and what else belongs to it.
///
/// Texts go by the names and have the content that a Hugging Face folder gives them; a form that
/// stores them otherwise makes them from what it stores. Opening reads nothing.
package protocol ModelFolder: Sendable {
    /// The folder, or the one file.
    var path: String { get }
    /// One of the texts, for example `config.json`; nil if the model has none of this name.
    /// - Throws: ``StorageError`` if it is there and cannot be read, EFBIG if it has more than
    ///   `limit` bytes; what says what is wrong with it, where it is made from something else.
    func text(_ name: String, limit: Int) throws -> [UInt8]?
    /// The tensors by name; nil if no file of weights is there, whatever its form.
    /// - Throws: ``SafetensorsError``: weights that cannot be read, among them weights in a form
    ///   that is not known.
    func weights() throws(SafetensorsError) -> Checkpoint?
    /// The texts that a tuned model's folder takes over from its base, as they are.
    var companions: [String] { get }
    /// What the form cannot say of a model, or says otherwise, a sentence each.
    /// - Throws: what says what is wrong with it.
    func remarks() throws -> [String]
}

extension ModelFolder {
    package func remarks() throws -> [String] { [] }

    /// Where a text is, for messages.
    package func place(of text: String) -> String { path + "/" + text }
}

/// The forms in which a model may lie on disk, the one that is known longest first.
package enum ModelForm: Sendable, CaseIterable {
    case huggingFace
    case gguf

    /// The file whose presence makes a path a model of this form.
    package func marker(of path: String) -> String {
        switch self {
        case .huggingFace: path + "/config.json"
        case .gguf: GGUFNames.first(of: path) ?? path + "/model" + GGUFNames.ending
        }
    }
}

/// What lies at a path, by the names of files alone. A model is opened where its family is known.
package enum ModelFolders {
    /// The form of the model at a path; where there is no marker of any, the first, which says what
    /// is missing. A folder with weights as GGUF alone is read as such, whatever lies beside them.
    package static func form(of path: String) -> ModelForm {
        let found = ModelForm.allCases.filter { FolderListing.leads($0.marker(of: path)) }
        guard found.count > 1 else { return found.first ?? .huggingFace }
        return HuggingFaceFolder(path: path).hasWeights ? .huggingFace : .gguf
    }

    /// Whether a path holds a model.
    package static func isModel(_ path: String) -> Bool { markers(of: path).contains { FolderListing.leads($0) } }

    /// The files of which one makes a path a model; whoever may read it may use the model.
    package static func markers(of path: String) -> [String] { ModelForm.allCases.map { $0.marker(of: path) } }

    /// The whole model in a finished job's `result/`, if it has one: of the form that is known
    /// longest.
    package static func model(inResult folder: String) -> String? {
        let parts = ((try? FolderListing.names(in: folder)) ?? []).filter { !$0.hasPrefix(".") && $0 != "gguf-adapter" }.map {
            folder + "/" + $0
        }
        for form in ModelForm.allCases {
            if let part = parts.first(where: { FolderListing.leads(form.marker(of: $0)) }) { return part }
        }
        return nil
    }
}
