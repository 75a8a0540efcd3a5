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
        let tie = Self.tie(tuned.model)
        if let tie { entries.append(.init(name: tie.head, shape: tie.embedding.shape, elementType: .float32)) }
        var writer = try SafetensorsWriter(path: folder + "/adapter_model.safetensors", entries: entries)
        for parameter in parameters {
            if plain.shape(parameter.key) != nil {
                try plain.numbers(parameter.key).withUnsafeBytes { try writer.append($0) }
            } else {
                try tuned.forEachPart(of: parameter.key) { try writer.append(UnsafeRawBufferPointer($0)) }
            }
        }
        if let tie { try tuned.forEachPart(of: tie.embedding.key) { try writer.append(UnsafeRawBufferPointer($0)) } }
        try writer.finish()
        try AdapterExport.writeConfiguration(tuned.model, baseName: tuned.baseName, isPlain: true, to: folder)
        // Whoever loads the adapter loads the base's own; only what differs from it is said here.
        let generation = "generation_config.json"
        if let changed = tuned.changedTexts[generation] { try TunedModel.write(changed, to: folder + "/" + generation) }
        try tuned.writeGrownTokenizer(to: folder)
        try TunedModel.write(Array(tuned.card.utf8), to: folder + "/README.md")
    }

    /// The saved embedding, and what the head that is tied to it is called: it stands in the file
    /// once more, as PEFT writes it, for versions that do not know of the tie.
    private static func tie(_ model: LanguageModel) -> (embedding: TrainableLayout.Parameter, head: String)? {
        guard let tie = model.keptTie, let key = model.trainedKey(of: tie.embedding),
            let parameter = model.trainables.parameters.first(where: { $0.key == key })
        else { return nil }
        return (parameter, "base_model.model." + tie.head)
    }
}
