import Storage
import Tensors

/// A model's texts, of which the tokenizer's lie in another folder.
struct JoinedFolder: ModelFolder {
    let path: String
    let tokenizer: String

    init(path: String) { (self.path, tokenizer) = (path, path) }
    init(_ path: String, tokenizer: String) { (self.path, self.tokenizer) = (path, tokenizer) }
    static func marker(of path: String) -> String { path + "/config.json" }
    var companions: [String] { [] }
    func weights() throws(SafetensorsError) -> Checkpoint? { nil }
    func text(_ name: String, limit: Int) throws(StorageError) -> [UInt8]? {
        let places = name.hasPrefix("tokenizer") ? [tokenizer, path] : [path]
        guard let file = places.map({ $0 + "/" + name }).first(where: { FolderListing.leads($0) }) else { return nil }
        return try DurableFiles.read(file, limit: limit)
    }
}
