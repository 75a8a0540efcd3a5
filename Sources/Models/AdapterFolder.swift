import Glibc
import JSON
import Storage
import Tensors

/// A LoRA adapter as PEFT saves it: `adapter_config.json` and `adapter_model.safetensors`.
enum AdapterFolder {
    /// What `adapter_config.json` holds.
    static func configuration(_ path: String) throws(ModelError) -> JSONNode {
        let text: [UInt8]
        do throws(StorageError) { text = try DurableFiles.read(path, limit: 1 << 20) } catch {
            throw ModelError(file: path, errorNumber: error.errorNumber, "\(error)")
        }
        do throws(JSONError) { return try JSONParser().parse(text) } catch { throw ModelError(file: path, "\(error)") }
    }

    /// The matrices for these modules, checked against them and against the settings.
    /// - Throws: ``ModelError`` naming file and field.
    static func tensors(in folder: String, for modules: [AdapterModule], settings: AdapterSettings) throws -> [String: StoredTensor] {
        let configPath = folder + "/adapter_config.json"
        let config = try configuration(configPath)
        guard let type = config["peft_type"]?.string, type == "LORA" else {
            throw ModelError(
                file: configPath, field: "peft_type", "is \(config["peft_type"]?.string ?? "missing"); only LORA adapters can be continued")
        }
        guard let rank = config["r"]?.integer, rank > 0 else {
            throw ModelError(file: configPath, field: "r", "is not a positive whole number")
        }
        for flag in ["use_dora", "lora_bias"] where config[flag]?.bool == true {
            throw ModelError(file: configPath, field: flag, "is not supported")
        }
        let path = folder + "/adapter_model.safetensors"
        let file = try SafetensorsFile(path: path)
        let held = Dictionary(file.tensors.map { ($0.name, $0) }) { first, _ in first }
        var known: Set<String> = []
        var result: [String: StoredTensor] = [:]
        for adapter in modules {
            let shapes = [adapter.keyOfA: (rank, adapter.module.inputs), adapter.keyOfB: (adapter.module.outputs, rank)]
            for (key, shape) in shapes.sorted(by: { $0.key < $1.key }) {
                known.insert(key)
                // A module without both matrices has no adapter in this folder: it starts fresh.
                let sibling = key == adapter.keyOfA ? adapter.keyOfB : adapter.keyOfA
                guard let tensor = held[key] else {
                    if held[sibling] != nil { throw ModelError(file: path, field: key, "is missing, though \(sibling) is there") }
                    continue
                }
                guard tensor.elementType.isFloatingPoint else { throw ModelError(file: path, field: key, "is no floating-point tensor") }
                let isA = key == adapter.keyOfA
                if tensor.shape.count == 2, tensor.shape[isA ? 0 : 1] != rank {
                    throw ModelError(file: configPath, field: "r", "says rank \(rank), but \(key) has rank \(tensor.shape[isA ? 0 : 1])")
                }
                guard tensor.shape == [shape.0, shape.1] else {
                    throw ModelError(file: path, field: key, "has the shape \(tensor.shape), the layer needs [\(shape.0), \(shape.1)]")
                }
                result[key] = tensor
            }
        }
        if let stray = file.tensors.first(where: { !known.contains($0.name) }) {
            throw ModelError(file: path, field: stray.name, "belongs to no layer that the job trains")
        }
        guard rank == settings.rank else {
            throw ModelError(file: configPath, field: "r", "is \(rank), the manifest's adapter.rank is \(settings.rank)")
        }
        return result
    }
}

extension AdapterSettings {
    /// The settings of a PEFT adapter folder, for using it as it is.
    /// - Throws: ``ModelError`` naming the field.
    package init(folder: String) throws {
        let path = folder + "/adapter_config.json"
        let config = try AdapterFolder.configuration(path)
        guard let rank = config["r"]?.integer, (1...4096).contains(rank) else {
            throw ModelError(file: path, field: "r", "is not a positive whole number")
        }
        guard let alpha = config["lora_alpha"]?.double else { throw ModelError(file: path, field: "lora_alpha", "is missing") }
        let targets: Targets
        if let names = config["target_modules"]?.array?.compactMap(\.string), !names.isEmpty {
            targets = .names(names)
        } else if config["target_modules"]?.string == "all-linear" {
            targets = .allLinear
        } else {
            throw ModelError(file: path, field: "target_modules", "is missing or empty")
        }
        self.init(
            rank: rank, alpha: alpha, targets: targets, usesRankStabilisedScaling: config["use_rslora"]?.bool ?? false,
            initialFolder: folder)
    }
}
