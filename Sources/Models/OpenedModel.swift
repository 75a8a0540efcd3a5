package import Tensors

/// A model's folder opened for use: its configuration and its weights, made to agree, and what has to be said of them.
package struct OpenedModel {
    package let folder: any ModelFolder
    package let configuration: ModelConfiguration
    /// Nil if the folder holds none, in whatever form.
    package let weights: Checkpoint?
    /// What its user should know, a sentence each.
    package let remarks: [String]
    /// Whether embedding and head are two, though `config.json` ties them: the result's configuration must say so.
    package let isUntied: Bool

    /// - Throws: ``ModelError``, ``SafetensorsError``.
    package init(path: String) throws { try self.init(ModelFolders.open(path)) }

    /// - Throws: ``ModelError``, ``SafetensorsError``.
    package init(_ folder: any ModelFolder) throws {
        self.folder = folder
        var configuration = try ModelConfiguration(folder)
        weights = try folder.weights()
        var remarks: [String] = []
        // transformers (5.24) does not tie a head that is stored beside the embedding with other numbers.
        isUntied = configuration.tiesEmbeddings && weights.map(Self.hasHeadOfItsOwn) == true
        if isUntied {
            configuration.tiesEmbeddings = false
            remarks.append(
                "config.json ties embedding and head, but lm_head.weight has other numbers than model.embed_tokens.weight: they are taken as two, "
                    + "as transformers does, and config.json of the result says so; if the head is left over from elsewhere, remove it from the checkpoint")
        }
        self.configuration = configuration
        self.remarks = remarks
    }

    private static func hasHeadOfItsOwn(_ weights: Checkpoint) -> Bool {
        guard let head = weights.tensors["lm_head.weight"], let embedding = weights.tensors["model.embed_tokens.weight"] else { return false }
        return !head.holdsSameNumbers(as: embedding)
    }
}
