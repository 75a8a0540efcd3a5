import Glibc
package import Storage

/// A model as Hugging Face's libraries save it: `config.json`, `tokenizer.json`, weights in
/// `model.safetensors` or in shards with an index.
package struct HuggingFaceFolder: ModelFolder {
    package let path: String

    package init(path: String) { self.path = path }

    private static let files = [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "chat_template.jinja", "chat_template.json",
        "tokenizer.model", "vocab.json", "merges.txt",
    ]
    /// The folder of chat templates with names.
    private static let namedTemplates = "additional_chat_templates"

    package var companions: [String] {
        let named = (try? FolderListing.names(in: path + "/" + Self.namedTemplates)) ?? []
        return Self.files + named.filter { $0.hasSuffix(".jinja") }.map { Self.namedTemplates + "/" + $0 }
    }

    package func text(_ name: String, limit: Int) throws(StorageError) -> [UInt8]? {
        let file = place(of: name)
        guard FolderListing.leads(file) else { return nil }
        return try DurableFiles.read(file, limit: limit)
    }

    private var single: String { path + "/model.safetensors" }
    private var index: String { single + ".index.json" }

    /// Whether files of weights that are read are there.
    var hasWeights: Bool { FolderListing.leads(single) || FolderListing.leads(index) }

    package func weights() throws(SafetensorsError) -> Checkpoint? {
        if FolderListing.leads(single) { return try Checkpoint(file: single) }
        if FolderListing.leads(index) { return try Checkpoint(folder: path, indexPath: index) }
        let others: [String]
        do throws(StorageError) { others = try OtherWeights.names(in: path) } catch {
            throw SafetensorsError(path: path, reason: .unreadable("\(error)"), errorNumber: error.errorNumber)
        }
        guard let advice = OtherWeights.advice(others, in: path) else { return nil }
        throw SafetensorsError(path: path, reason: .otherWeights(names: others, advice: advice))
    }
}
