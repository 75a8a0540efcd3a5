package import Tensors

/// A model's folder opened for use: its configuration and its weights, made to agree, and what has
/// to be said of them.
package struct OpenedModel {
    package let folder: any ModelFolder
    package let configuration: ModelConfiguration
    /// Nil if the folder holds none, in whatever form.
    package let weights: Checkpoint?
    /// What its user should know, a sentence each.
    package let remarks: [String]
    /// Whether embedding and head are two, though `config.json` ties them: the result's
    /// configuration must say so.
    package let isUntied: Bool

    /// - Throws: ``ModelError``, ``SafetensorsError``.
    package init(_ folder: any ModelFolder) throws {
        self.folder = folder
        var configuration = try ModelConfiguration(folder)
        weights = try Self.named(folder.weights(), of: configuration)
        var remarks = try folder.remarks()
        // transformers (5.24) does not tie a head that is stored beside the embedding with other
        // numbers.
        let names = configuration.family?.family.names ?? ModelNames()
        isUntied = configuration.tiesEmbeddings && weights.map { Self.hasHeadOfItsOwn($0, names) } == true
        if isUntied {
            configuration.tiesEmbeddings = false
            remarks.append(
                "config.json ties embedding and head, but \(names.head) has other numbers than \(names.embedding): they are taken as two, "
                    + "as transformers does, and config.json of the result says so; if the head is left over from elsewhere, remove it from the checkpoint"
            )
        }
        self.configuration = configuration
        self.remarks = remarks
    }

    /// The weights under the names that the family has, where the checkpoint leaves their prefix
    /// out or has some of them as one.
    private static func named(_ weights: Checkpoint?, of configuration: ModelConfiguration) -> Checkpoint? {
        guard let weights, let family = configuration.family?.family else { return weights }
        guard let prefix = type(of: family).optionalPrefix, weights.tensors[family.names.embedding] == nil,
            family.names.embedding.hasPrefix(prefix),
            weights.tensors[String(family.names.embedding.dropFirst(prefix.count))] != nil
        else { return family.separated(weights, of: configuration) }
        return family.separated(weights.prefixed(prefix), of: configuration)
    }

    private static func hasHeadOfItsOwn(_ weights: Checkpoint, _ names: ModelNames) -> Bool {
        guard let head = weights.tensors[names.head], let embedding = weights.tensors[names.embedding] else { return false }
        return !head.holdsSameNumbers(as: embedding)
    }
}
