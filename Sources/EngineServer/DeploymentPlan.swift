package import Engine
package import Graph
package import JSON
package import Manifest
import Models
import Tensors

/// The memory that an engine will take, before it is started: to the byte, since all of it is
/// allocated at the start.
package struct DeploymentPlan: Sendable, Hashable {
    /// Weights, adapters, cache, the arena of the largest steps and their logits.
    package var byteCount: Int
    /// Of these, keys and values.
    package var cacheBytes: Int
    /// What the device may be asked for; nil where it does not say how much it has.
    package var availableBytes: Int?
    package var slots: Int
    package var contextLength: Int
    /// The most slots that fit; nil where even one does not.
    package var fittingSlots: Int?

    package var fits: Bool { availableBytes.map { byteCount <= $0 } ?? true }

    /// - Parameters:
    ///   - settings: of the engine; where their cache has no size of its own, it follows from slots
    ///     and context.
    ///   - availableBytes: nil: nine tenths of the device's memory.
    /// - Throws: ``ModelError``; ``GraphError`` where a tensor does not fit the device's limits.
    package init(
        model folder: String, baseWeights: BaseWeights, settings: EngineSettings, on device: any ComputeDevice,
        availableBytes: Int? = nil
    ) throws {
        let opened = try OpenedModel(path: folder)
        guard let weights = opened.weights else {
            throw ModelError(file: folder, "contains no weights: neither model.safetensors nor shards with their index")
        }
        let mixable = Set([ElementType.bfloat16, .float16].filter { device.mixesFloat32(with: $0) })
        let model = try LanguageModel(
            opened.configuration, source: .checkpoint(weights), training: .nothing,
            precision: .init(mixableTypes: mixable, baseWeights: baseWeights), maximumLength: settings.contextLength)
        byteCount = try Engine.byteCount(model, on: device, settings)
        cacheBytes = settings.cachePageCount * EngineSettings.pageBytes(opened.configuration, settings.cacheType)
        (slots, contextLength) = (settings.slots, settings.contextLength)
        self.availableBytes = availableBytes ?? device.memoryByteCount.map { $0 / 10 * 9 }
        fittingSlots = slots
        guard let limit = self.availableBytes, byteCount > limit else { return }
        // What a slot takes grows with their number: the largest that fits is found by halving.
        var (low, high) = (0, slots)
        while low + 1 < high {
            let middle = (low + high) / 2
            let fits = try Engine.byteCount(model, on: device, settings.with(slots: middle)) <= limit
            if fits { low = middle } else { high = middle }
        }
        fittingSlots = low > 0 ? low : nil
    }

    /// Why it cannot be started, and what would help.
    package var sentence: String {
        func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }
        let needed = "it needs \(mebibytes(byteCount)), \(mebibytes(cacheBytes)) of them for keys and values"
        guard let availableBytes, !fits else { return needed }
        let remedy =
            fittingSlots.map { "slots: \($0) would fit" }
            ?? "not even one slot fits: lower context_length, or set base_weights to q8 or nf4"
        return "\(needed), and the device has \(mebibytes(availableBytes)): \(remedy)"
    }

    package var json: JSONNode {
        [
            "bytes": JSONNode(byteCount), "cache_bytes": JSONNode(cacheBytes),
            "available_bytes": availableBytes.map { JSONNode($0) } ?? .null, "fits": JSONNode(fits), "slots": JSONNode(slots),
            "context_length": JSONNode(contextLength), "fitting_slots": fittingSlots.map { JSONNode($0) } ?? .null,
        ]
    }
}

extension EngineSettings {
    /// The same with fewer slots; a cache that was sized for all of them shrinks with them.
    fileprivate func with(slots count: Int) -> EngineSettings {
        var copy = self
        copy.slots = count
        copy.pageCount = pageCount.map { max(1, $0 * count / max(1, slots)) }
        return copy
    }
}
