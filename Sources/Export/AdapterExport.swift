import Graph
import Glibc
package import JSON
package import Models
import Storage
package import Tensors

/// A PEFT adapter's configuration: the fields that every version of PEFT reads, and no others.
package enum AdapterExport {
    package static func configuration(_ model: LanguageModel, baseName: String) -> JSONNode {
        guard case .adapter(let settings, _) = model.training else { return JSONNode([JSONMember]()) }
        let names = Set(model.adapters.map(\.module.shortName))
        // Short names say it all where every layer of that name has an adapter; else the full paths do.
        let isUniform = names.allSatisfy { name in
            model.linearModules.filter { $0.shortName == name }.count == model.adapters.filter { $0.module.shortName == name }.count
        }
        let targets = isUniform ? names.sorted() : model.adapters.map(\.module.name)
        return [
            "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": JSONNode(baseName), "r": JSONNode(settings.rank),
            "lora_alpha": settings.alpha == settings.alpha.rounded() ? JSONNode(Int(settings.alpha)) : JSONNode(settings.alpha),
            "lora_dropout": JSONNode(settings.dropout), "bias": "none", "target_modules": JSONNode(targets.map { JSONNode($0) }),
            "fan_in_fan_out": false,
            "use_rslora": JSONNode(settings.usesRankStabilisedScaling), "modules_to_save": nil, "inference_mode": true,
        ]
    }

    /// Writes `adapter_config.json` into a folder that holds the adapter's tensors.
    package static func writeConfiguration(_ model: LanguageModel, baseName: String, to folder: String) throws {
        let bytes = JSONWriter(isIndented: true).bytes(configuration(model, baseName: baseName))
        try bytes.withUnsafeBufferPointer { try DurableFiles.write(UnsafeRawBufferPointer($0), toNew: folder + "/adapter_config.json") }
    }
}

/// A Hugging Face checkpoint of the tuned model.
package enum ModelExport {
    /// Files beside the weights that belong to a model folder and are copied as they are.
    static let companions = [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "chat_template.jinja",
        "tokenizer.model", "vocab.json", "merges.txt",
    ]

    package static func copyCompanions(from source: String, to folder: String) throws {
        for name in companions where access(source + "/" + name, F_OK) == 0 {
            let bytes = try DurableFiles.read(source + "/" + name)
            try bytes.withUnsafeBufferPointer { try DurableFiles.write(UnsafeRawBufferPointer($0), toNew: folder + "/" + name) }
        }
    }

    /// Writes the base model with the adapter merged into it: `W + scale * B A`, computed in float32, stored in the base's element types.
    /// - Parameter trained: the adapter's matrices by PEFT key, or the whole model's tensors in full training.
    package static func writeMerged(_ model: LanguageModel, base: Checkpoint, trained: (String) throws -> [Float], to folder: String) throws
    {
        let tensors = base.tensors.values.sorted { $0.name < $1.name }
        var writer = try SafetensorsWriter(
            path: folder + "/model.safetensors", entries: tensors.map { .init(name: $0.name, shape: $0.shape, elementType: $0.elementType) }
        )
        let adapters = Dictionary(model.adapters.map { ($0.module.name + ".weight", $0) }) { first, _ in first }
        for tensor in tensors {
            if let adapter = adapters[tensor.name] {
                try appendMerged(tensor, adapter, a: try trained(adapter.keyOfA), b: try trained(adapter.keyOfB), to: &writer)
            } else if model.trainables.tensor(of: tensor.name, .parameter) != nil {
                try append(try trained(tensor.name), tensor.elementType, to: &writer)
            } else {
                try appendStored(tensor, to: &writer)
            }
        }
        try writer.finish()
    }

    /// Writes a model that was trained from nothing: every tensor as float32.
    package static func writeTrained(
        _ model: LanguageModel, trained: (String) throws -> [Float], elementType: ElementType = .float32, to folder: String
    ) throws {
        let parameters = model.trainables.parameters.sorted { $0.key < $1.key }
        var writer = try SafetensorsWriter(
            path: folder + "/model.safetensors",
            entries: parameters.map {
                .init(name: $0.key, shape: $0.rows == 1 ? [$0.columns] : [$0.rows, $0.columns], elementType: elementType)
            })
        for parameter in parameters { try append(try trained(parameter.key), elementType, to: &writer) }
        try writer.finish()
    }

    private static func append(_ floats: [Float], _ type: ElementType, to writer: inout SafetensorsWriter) throws {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, floats.count * type.byteCount), alignment: 64)
        defer { bytes.deallocate() }
        floats.withUnsafeBufferPointer { buffer in
            if let source = buffer.baseAddress, let target = bytes.baseAddress {
                FloatConversion.narrow(source, count: floats.count, into: target, type)
            }
        }
        try writer.append(UnsafeRawBufferPointer(rebasing: bytes[..<(floats.count * type.byteCount)]))
    }

    /// Numbers of a tensor that are in memory at a time, so that an export needs little beside what training holds.
    private static let chunkElements = 1 << 20

    private static func appendStored(_ tensor: StoredTensor, to writer: inout SafetensorsWriter) throws {
        let size = chunkElements * tensor.elementType.byteCount
        for start in stride(from: 0, to: tensor.bytes.count, by: size) {
            let part = UnsafeRawBufferPointer(rebasing: tensor.bytes[start..<min(tensor.bytes.count, start + size)])
            try writer.append(part)
            tensor.file.forget(part)
        }
        // The system maps pages around those that are read: what lies before a part came back with it.
        tensor.file.forget(tensor.bytes)
    }

    /// `W + scale * B A`, some rows at a time.
    private static func appendMerged(
        _ tensor: StoredTensor, _ adapter: AdapterModule, a: [Float], b: [Float], to writer: inout SafetensorsWriter
    ) throws {
        let (inputs, rank, scale) = (adapter.module.inputs, adapter.rank, Float(adapter.scale))
        let size = tensor.elementType.byteCount
        let rowsAtOnce = max(1, chunkElements / max(1, inputs))
        for first in stride(from: 0, to: adapter.module.outputs, by: rowsAtOnce) {
            let rows = first..<min(adapter.module.outputs, first + rowsAtOnce)
            let part = UnsafeRawBufferPointer(rebasing: tensor.bytes[rows.lowerBound * inputs * size..<rows.upperBound * inputs * size])
            guard let source = part.baseAddress else { continue }
            let merged = [Float](unsafeUninitializedCapacity: rows.count * inputs) { merged, count in
                count = rows.count * inputs
                guard let target = merged.baseAddress else { return }
                FloatConversion.widen(source, tensor.elementType, count: count, into: target)
                a.withUnsafeBufferPointer { a in
                    for row in rows {
                        let sums = target + (row - rows.lowerBound) * inputs
                        for index in 0..<rank {
                            let factor = scale * b[row * rank + index]
                            if factor == 0 { continue }
                            for column in 0..<inputs { sums[column] += factor * a[index * inputs + column] }
                        }
                    }
                }
            }
            tensor.file.forget(part)
            try append(merged, tensor.elementType, to: &writer)
        }
        tensor.file.forget(tensor.bytes)
    }
}
