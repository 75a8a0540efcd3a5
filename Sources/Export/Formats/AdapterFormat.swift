import Graph
import Models
import Tensors

/// A LoRA adapter as PEFT saves it: `adapter_model.safetensors` in float32, `adapter_config.json`,
/// a model card.
struct AdapterFormat: ResultFormat {
    let name = "adapter"
    let occasion = ResultOccasion.always

    func fits(_ tuned: TunedModel) -> Bool {
        if case .adapter = tuned.model.training { true } else { false }
    }

    func write(_ tuned: TunedModel, to folder: String) throws {
        let parameters = tuned.model.trainables.parameters
        let plain = PlainAdapter(tuned.model, numbers: tuned.numbers)
        var entries: [SafetensorsWriter.Entry] = parameters.map {
            .init(name: $0.key, shape: plain.shape($0.key) ?? $0.shape, elementType: .float32)
        }
        let second = Self.secondCopy(tuned.model)
        if let second { entries.append(.init(name: second.name, shape: second.of.shape, elementType: .float32)) }
        var writer = try SafetensorsWriter(path: folder + "/adapter_model.safetensors", entries: entries)
        for parameter in parameters {
            if plain.shape(parameter.key) != nil {
                try plain.numbers(parameter.key).withUnsafeBytes { try writer.append($0) }
            } else {
                try tuned.forEachPart(of: parameter.key) { try writer.append(UnsafeRawBufferPointer($0)) }
            }
        }
        if let second { try tuned.forEachPart(of: second.of.key) { try writer.append(UnsafeRawBufferPointer($0)) } }
        try writer.finish()
        try AdapterExport.writeConfiguration(tuned.model, baseName: tuned.baseName, isPlain: true, to: folder)
        // Whoever loads the adapter loads the base's own; only what differs from it is said here.
        let generation = "generation_config.json"
        if let changed = tuned.changedTexts[generation] { try TunedModel.write(changed, to: folder + "/" + generation) }
        try tuned.writeGrownTokenizer(to: folder)
        try TunedModel.write(Array(tuned.card.utf8), to: folder + "/README.md")
    }

    /// A saved tensor that stands in the file once more under another name: the embedding for a
    /// head that is tied to it, as PEFT writes it for versions that do not know of the tie; a head
    /// that transformers 5 calls otherwise.
    private static func secondCopy(_ model: LanguageModel) -> (of: TrainableLayout.Parameter, name: String)? {
        guard let second = model.secondCopy, let key = model.trainedKey(of: second.of),
            let parameter = model.trainables.parameters.first(where: { $0.key == key })
        else { return nil }
        return (parameter, "base_model.model." + second.name)
    }
}
