import Glibc
import JSON
import Storage
import Synchronization
package import Tensors

/// A model in a GGUF file, in the parts of one, or in a folder that holds one: its texts are made
/// from the file's metadata.
package final class GGUFFolder: ModelFolder {
    package let path: String
    /// What the file holds, once somebody has asked.
    private let opened = Mutex<Result<GGUFModel, GGUFFault>?>(nil)

    package init(path: String) { self.path = path }

    private func model() throws(GGUFFault) -> GGUFModel {
        let result = opened.withLock { opened in
            if let opened { return opened }
            let result = Result { () throws(GGUFFault) in try GGUFModel(path: path) }
            opened = result
            return result
        }
        return try result.get()
    }

    package let companions = [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    ]

    /// - Throws: ``GGUFFault``; ``StorageError`` (EFBIG) if a text has more than `limit` bytes.
    package func text(_ name: String, limit: Int) throws -> [UInt8]? {
        guard companions.contains(name) else { return nil }
        let model = try model()
        let nodes = [
            "config.json": model.configuration, "generation_config.json": model.generation, "tokenizer.json": model.tokenizer,
            "tokenizer_config.json": model.settings,
        ]
        guard let node = nodes[name] else { return nil }
        let text = JSONWriter(isIndented: name != "tokenizer.json").bytes(node) + [0x0A]
        guard text.count <= limit else { throw StorageError(operation: "read \(name) of", path: path, errorNumber: EFBIG) }
        return text
    }

    package func weights() throws(SafetensorsError) -> Checkpoint? {
        do throws(GGUFFault) { return try model().checkpoint } catch {
            throw SafetensorsError(
                path: error.path, tensor: error.field, reason: .unreadable(error.message), errorNumber: error.errorNumber)
        }
    }

    package func remarks() throws -> [String] { try model().remarks }

    /// Texts stand in the file's metadata.
    package func place(of text: String) -> String { "\(path) (\(text))" }
}
