import Basics
package import Engine
package import Graph
package import Manifest
import Models
import Templates
package import Tensors
package import Tokenization

/// The engine of one base model with what turns texts into its tokens.
package struct ServedModel {
    package struct Options: Sendable {
        /// The model's folder.
        package var model: String
        /// Adapters by name.
        package var adapters: [(name: String, folder: String)] = []
        package var settings: EngineSettings
        package var baseWeights = BaseWeights.stored
        /// The type of activations; nil: what suits the weights and the device.
        package var activationType: ElementType?

        package init(model: String, settings: EngineSettings) {
            (self.model, self.settings) = (model, settings)
        }
    }

    package let engine: Engine
    package let encoder: ChatEncoder
    /// The base model's own end tokens.
    package let endIDs: Set<Int32>
    /// Those of adapters that name others, by place.
    package var endsByAdapter: [Int: Set<Int32>] = [:]
    package var places: [String: Int] = [:]
    let maker: ConstraintMaker

    /// - Throws: ``ModelError``, ``TokenizerError``, and what the device throws.
    package init(_ options: Options, on device: any ComputeDevice) throws {
        let opened = try OpenedModel(path: options.model)
        guard let weights = opened.weights else {
            throw ModelError(file: options.model, "contains no weights: neither model.safetensors nor shards with their index")
        }
        // A vocabulary is read on one processor while the other looks through the weights.
        let texts = TokenizerTexts(opened.folder)
        let reading = Beside { try ChatEncoder(texts) }
        let mixable = Set([ElementType.bfloat16, .float16].filter { device.mixesFloat32(with: $0) })
        let model = try LanguageModel(
            opened.configuration, source: .checkpoint(weights), training: .nothing,
            precision: .init(
                activationType: options.activationType ?? Self.activationType(options, opened, weights, device), mixableTypes: mixable,
                baseWeights: options.baseWeights),
            maximumLength: options.settings.contextLength)
        var settings = options.settings
        settings.quantizesHead = [.q8, .nf4].contains(options.baseWeights)
        engine = try Engine(model, tokenizer: reading.value().tokenizer, on: device, settings)
        var encoder = try reading.value()
        encoder.clock = .now
        try opened.configuration.requireEmbedding(
            of: [encoder.tokenizer.vocabularySize - 1], from: opened.folder.place(of: "tokenizer.json"))
        self.encoder = encoder
        maker = ConstraintMaker(encoder)
        endIDs = encoder.endIDs.union(encoder.specialTokens.stopIDs)
        for adapter in options.adapters { try load(adapter.name, adapter.folder) }
        try engine.prepare()
    }

    /// bfloat16 where the weights are and the processor has instructions for it, as training
    /// chooses it; the sums and what layers add up stay float32.
    private static func activationType(
        _ options: Options, _ opened: OpenedModel, _ weights: Checkpoint, _ device: any ComputeDevice
    ) throws -> ElementType {
        guard let processor = device as? any ProcessorDevice, processor.hasFastBfloat16, opened.configuration.hiddenSize >= 256,
            options.baseWeights != .float32
        else { return .float32 }
        guard options.baseWeights == .stored else { return .bfloat16 }
        let linears = try LanguageModel.linearModules(of: opened.configuration).filter { !$0.isEmbedding }
        let stored = linears.map { weights.tensors[$0.name + ".weight"]?.elementType }
        return stored.allSatisfy { $0 == .bfloat16 } ? .bfloat16 : .float32
    }

    /// Loads an adapter under a name.
    package mutating func load(_ name: String, _ folder: String) throws {
        guard places[name] == nil else { return }
        let own = try ChatEncoder.endIDs(in: folder)
        let place = try engine.loadAdapter(folder)
        places[name] = place
        if !own.isEmpty { endsByAdapter[place] = endIDs.union(own) }
    }

    /// - Throws: ``EngineError`` while requests use it.
    package mutating func unload(_ name: String) throws(EngineError) {
        guard let place = places[name] else { return }
        try engine.unloadAdapter(place)
        places[name] = nil
        endsByAdapter[place] = nil
    }

    /// The end tokens of an answer.
    func ends(_ place: Int?) -> Set<Int32> { place.flatMap { endsByAdapter[$0] } ?? endIDs }
}
