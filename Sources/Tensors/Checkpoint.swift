import Glibc
import JSON
import Storage

/// The tensors of a checkpoint folder by name: `model.safetensors`, or the shards that `model.safetensors.index.json` names.
package final class Checkpoint: Sendable {
    package let folder: String
    package let tensors: [String: StoredTensor]
    /// The files that hold them, in the order in which they were read.
    package let files: [String]

    /// - Throws: ``SafetensorsError``: no weights, a bad index, a shard that is missing or lacks what the index promises.
    package convenience init(folder: String) throws(SafetensorsError) {
        let single = folder + "/model.safetensors"
        let indexPath = single + ".index.json"
        if access(single, F_OK) == 0 {
            try self.init(folder: folder, file: single)
        } else if access(indexPath, F_OK) == 0 {
            try self.init(folder: folder, indexPath: indexPath)
        } else {
            throw SafetensorsError(
                path: folder,
                reason: .unreadable(
                    "holds neither model.safetensors nor model.safetensors.index.json; pickled weights (.bin, .pt) are not read, convert them first"
                ))
        }
    }

    /// The tensors of one file.
    package convenience init(file: String) throws(SafetensorsError) { try self.init(folder: DurableFiles.split(file).folder, file: file) }

    private init(folder: String, file: String) throws(SafetensorsError) {
        let opened = try SafetensorsFile(path: file)
        self.folder = folder
        files = [file]
        tensors = Dictionary(opened.tensors.map { ($0.name, $0) }) { first, _ in first }
    }

    private init(folder: String, indexPath: String) throws(SafetensorsError) {
        self.folder = folder
        func failure(_ message: String) -> SafetensorsError { SafetensorsError(path: indexPath, reason: .badIndex(message)) }
        let text: [UInt8]
        do throws(StorageError) { text = try DurableFiles.read(indexPath, limit: 64 << 20) } catch {
            throw SafetensorsError(path: indexPath, reason: .badIndex("\(error)"), errorNumber: error.errorNumber)
        }
        let index: JSONNode
        do throws(JSONError) { index = try JSONParser().parse(text) } catch { throw failure("\(error)") }
        guard let entries = index["weight_map"]?.object, !entries.isEmpty else { throw failure("weight_map is missing or empty") }
        var shards: [String: [String]] = [:]
        var order: [String] = []
        for entry in entries {
            guard let shard = entry.node.string else { throw failure("weight_map: \(entry.key) names no file") }
            guard !shard.isEmpty, !shard.contains("/"), shard != "..", shard != "." else {
                throw failure("weight_map: \(entry.key) points outside the folder")
            }
            if shards[shard] == nil { order.append(shard) }
            shards[shard, default: []].append(entry.key)
        }
        var tensors: [String: StoredTensor] = [:]
        for shard in order {
            let path = folder + "/" + shard
            let file = try SafetensorsFile(path: path)
            let held = Dictionary(file.tensors.map { ($0.name, $0) }) { first, _ in first }
            for name in shards[shard] ?? [] {
                guard let tensor = held[name] else {
                    throw SafetensorsError(path: path, tensor: name, reason: .badIndex("the index says it is in this file, but it is not"))
                }
                tensors[name] = tensor
            }
            if let stray = file.tensors.first(where: { index["weight_map"]?[$0.name] == nil }) {
                throw SafetensorsError(path: path, tensor: stray.name, reason: .badIndex("is in this file but not in the index"))
            }
        }
        self.tensors = tensors
        files = order.map { folder + "/" + $0 }
    }
}
