import Glibc
import JSON
import Storage

/// The tensors of a model by name, in one file or in several.
package final class Checkpoint: Sendable {
    package let folder: String
    package let tensors: [String: StoredTensor]
    /// The files that hold them, in the order in which they were read.
    package let files: [String]
    /// Why tensors that the index names are not there: an error only for a model that needs them.
    package let unavailable: [String: SafetensorsError]
    private let titles: (@Sendable (String) -> String?)?

    /// The weights of a folder in Hugging Face's form.
    /// - Throws: ``SafetensorsError``: no weights, a bad index, a shard that cannot be read.
    package convenience init(folder: String) throws(SafetensorsError) {
        guard let weights = try HuggingFaceFolder(path: folder).weights() else {
            throw SafetensorsError(path: folder, reason: .unreadable("holds neither model.safetensors nor model.safetensors.index.json"))
        }
        self.init(folder: weights.folder, tensors: weights.tensors, files: weights.files, unavailable: weights.unavailable)
    }

    /// - Parameters:
    ///   - tensors: by their names in Hugging Face's checkpoints.
    ///   - titles: what the tensors are called in the files, where that is something else.
    package init(
        folder: String, tensors: [String: StoredTensor], files: [String], unavailable: [String: SafetensorsError] = [:],
        titles: (@Sendable (_ name: String) -> String?)? = nil
    ) {
        (self.folder, self.tensors, self.files, self.unavailable) = (folder, tensors, files, unavailable)
        self.titles = titles
    }

    /// What a tensor is called in the files, for messages.
    package func title(of name: String) -> String { titles?(name) ?? name }

    /// The same tensors, their names beginning with a prefix.
    package func prefixed(_ prefix: String) -> Checkpoint {
        let renamed = tensors.values.map { tensor in
            var tensor = tensor
            tensor.name = prefix + tensor.name
            return (tensor.name, tensor)
        }
        return Checkpoint(
            folder: folder, tensors: Dictionary(renamed) { first, _ in first }, files: files,
            unavailable: Dictionary(unavailable.map { (prefix + $0.key, $0.value) }) { first, _ in first })
    }

    /// The same with some tensors in the place of those of their names.
    package func replacing(_ others: [String: StoredTensor]) -> Checkpoint {
        Checkpoint(
            folder: folder, tensors: tensors.merging(others) { $1 }, files: files, unavailable: unavailable, titles: titles)
    }

    /// The same tensors but for some, in whose place others stand.
    /// - Parameter pieces: with the names of the tensors that they come from.
    package func replacing(_ names: Set<String>, by pieces: [(tensor: StoredTensor, from: String)]) -> Checkpoint {
        var replaced = tensors.filter { !names.contains($0.key) }
        var origins: [String: String] = [:]
        for (tensor, origin) in pieces {
            replaced[tensor.name] = tensor
            origins[tensor.name] = titles?(origin) ?? origin
        }
        let (earlier, known) = (titles, origins)
        return Checkpoint(folder: folder, tensors: replaced, files: files, unavailable: unavailable) { known[$0] ?? earlier?($0) }
    }

    /// The tensors of one file.
    package init(file: String) throws(SafetensorsError) {
        let opened = try SafetensorsFile(path: file)
        folder = DurableFiles.split(file).folder
        files = [file]
        tensors = Dictionary(opened.tensors.map { ($0.name, $0) }) { first, _ in first }
        unavailable = [:]
        titles = nil
    }

    /// The tensors of the shards that an index names. A shard that is not there, or lacks what the
    /// index promises, is an error only for a model that needs those tensors: indexes name layers
    /// and towers that a text model does without.
    init(folder: String, indexPath: String) throws(SafetensorsError) {
        func failure(_ message: String) -> SafetensorsError { SafetensorsError(path: indexPath, reason: .badIndex(message)) }
        let text: [UInt8]
        do throws(StorageError) { text = try DurableFiles.read(indexPath, limit: 64 << 20) } catch {
            throw SafetensorsError(path: indexPath, reason: .badIndex("\(error)"), errorNumber: error.errorNumber)
        }
        if let standIn = FileStandIn.description(of: text) { throw SafetensorsError(path: indexPath, reason: .standIn(standIn)) }
        let index: JSONNode
        do throws(JSONError) { index = try JSONParser().parse(text) } catch { throw failure("\(error)") }
        guard let entries = index["weight_map"]?.object, !entries.isEmpty else { throw failure("weight_map is missing or empty") }
        var shards: [String: [String]] = [:]
        var order: [String] = []
        var homes: [String: String] = [:]
        for entry in entries {
            guard let shard = entry.node.string else { throw failure("weight_map: \(entry.key) names no file") }
            guard !shard.isEmpty, !shard.contains("/"), shard != "..", shard != "." else {
                throw failure("weight_map: \(entry.key) points outside the folder")
            }
            if shards[shard] == nil { order.append(shard) }
            shards[shard, default: []].append(entry.key)
            homes[entry.key] = shard
        }
        var tensors: [String: StoredTensor] = [:]
        var unavailable: [String: SafetensorsError] = [:]
        var files: [String] = []
        for shard in order {
            let path = folder + "/" + shard
            let file: SafetensorsFile
            do throws(SafetensorsError) { file = try SafetensorsFile(path: path) } catch {
                if let number = error.errorNumber, number != ENOENT { throw error }
                let missing = SafetensorsError(
                    path: path, reason: .badIndex("is named by model.safetensors.index.json and is not there: download it"),
                    errorNumber: ENOENT)
                for name in shards[shard] ?? [] { unavailable[name] = error.errorNumber == ENOENT ? missing : error }
                continue
            }
            files.append(path)
            let held = Dictionary(file.tensors.map { ($0.name, $0) }) { first, _ in first }
            for name in shards[shard] ?? [] where held[name] == nil {
                unavailable[name] = SafetensorsError(
                    path: path, tensor: name, reason: .badIndex("the index says it is in this file, but it is not"))
            }
            // What the index does not name is taken where it is, as transformers does.
            for tensor in file.tensors where homes[tensor.name] ?? shard == shard { tensors[tensor.name] = tensor }
        }
        self.folder = folder
        self.tensors = tensors
        self.files = files
        self.unavailable = unavailable
        titles = nil
    }
}
