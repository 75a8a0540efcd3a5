package import Storage

/// A model on disk, in whatever form: its configuration, tokenizer and chat templates, its weights,
/// and what else belongs to it.
///
/// Texts go by the names and have the content that a Hugging Face folder gives them; a form that
/// stores them otherwise makes them from what it stores. Opening reads nothing.
package protocol ModelFolder: Sendable {
    init(path: String)
    /// The folder, or the one file.
    var path: String { get }
    /// The file whose presence makes a path a model of this form.
    static func marker(of path: String) -> String
    /// One of the texts, for example `config.json`; nil if the model has none of this name.
    /// - Throws: ``StorageError`` if it is there and cannot be read, EFBIG if it has more than
    ///   `limit` bytes.
    func text(_ name: String, limit: Int) throws(StorageError) -> [UInt8]?
    /// The tensors by name; nil if no file of weights is there, whatever its form.
    /// - Throws: ``SafetensorsError``: weights that cannot be read, among them weights in a form
    ///   that is not known.
    func weights() throws(SafetensorsError) -> Checkpoint?
    /// The texts that a tuned model's folder takes over from its base, as they are.
    var companions: [String] { get }
}

extension ModelFolder {
    /// Where a text is, for messages.
    package func place(of text: String) -> String { path + "/" + text }
}

/// The forms in which a model may lie on disk.
package enum ModelFolders {
    /// The first form whose marker is there reads a path.
    static let forms: [any ModelFolder.Type] = [HuggingFaceFolder.self]

    /// The model at a path, read in the form that it has; where there is no marker of any, in the
    /// first form, which says what is missing.
    package static func open(_ path: String) -> any ModelFolder {
        let form = forms.first { FolderListing.leads($0.marker(of: path)) } ?? HuggingFaceFolder.self
        return form.init(path: path)
    }

    /// Whether a path holds a model, by the names of its files alone.
    package static func isModel(_ path: String) -> Bool { markers(of: path).contains { FolderListing.leads($0) } }

    /// The files of which one makes a path a model; whoever may read it may use the model.
    package static func markers(of path: String) -> [String] { forms.map { $0.marker(of: path) } }

    /// The whole model in a finished job's `result/`, if it has one: of the form that is known
    /// longest.
    package static func model(inResult folder: String) -> String? {
        let parts = ((try? FolderListing.names(in: folder)) ?? []).filter { !$0.hasPrefix(".") }.map { folder + "/" + $0 }
        for form in forms {
            if let part = parts.first(where: { FolderListing.leads(form.marker(of: $0)) }) { return part }
        }
        return nil
    }
}
