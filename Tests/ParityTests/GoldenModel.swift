import Graph
import JSON
import Datasets
import Manifest
import Models
import Tensors
import TestSupport
import Testing
import Training

/// A folder of `models` of a reference set: a checkpoint, a batch, and what the reference computed.
struct GoldenModel {
    let item: ReferenceItem
    let checkpoint: Checkpoint
    var configuration: ModelConfiguration
    let tensors: [String: StoredTensor]
    let figures: JSONNode
    let lengths: [Int]

    /// Those of every set that is there, of every family that is known.
    static let all = ReferenceItem.all("models").filter { ModelFamilies.modelTypes.contains($0.modelType) }

    init(_ item: ReferenceItem, variant: String = "golden") throws {
        self.item = item
        let folder = item.path
        let opened = try OpenedModel(path: folder)
        checkpoint = try #require(opened.weights)
        configuration = opened.configuration
        let stored = Dictionary(try SafetensorsFile(path: "\(folder)/\(variant).safetensors").tensors.map { ($0.name, $0) }) { first, _ in
            first
        }
        tensors = Self.takenApart(stored, configuration)
        figures = try item.json("\(variant).json")
        lengths = figures["lengths"]?.array?.compactMap(\.integer) ?? []
    }

    /// With what files have as one as the model has it.
    private static func takenApart(_ stored: [String: StoredTensor], _ configuration: ModelConfiguration) -> [String: StoredTensor] {
        var tensors = stored
        for joined in configuration.joinedTensors {
            for prefix in ["full.grad.", "full.after5.", "full.aux_grad."] {
                guard let parts = stored[prefix + joined.name].flatMap({ joined.takenApart($0) }) else { continue }
                for part in parts { tensors[prefix + part.name] = part }
            }
        }
        return tensors
    }

    private func integers(_ name: String) -> [Int] {
        guard let tensor = tensors[name], let start = tensor.bytes.baseAddress else { return [] }
        return (0..<tensor.elementCount).map { Int(start.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
    }

    /// The rows of the batch without their padding.
    var examples: [Sample] {
        let width = tensors["input_ids"]?.shape.last ?? 0
        let (ids, labels) = (integers("input_ids"), integers("labels"))
        return lengths.enumerated().map { row, length in
            let range = (row * width)..<(row * width + length)
            return Sample(ids: ids[range].map { Int32($0) }, isTrained: labels[range].map { $0 != -100 })
        }
    }

    /// The length by which the reference chose rotary factors for the whole batch.
    var paddedLength: Int { tensors["input_ids"]?.shape.last ?? 0 }

    /// Entries of a parameter whose exact gradient is zero because keys are not turned, or not
    /// whole: there the bias of a key moves all scores of a query alike, and the optimizer makes
    /// steps of rounding noise.
    func isUnturnedKeyBias(_ name: String, _ index: Int) -> Bool {
        let leavesLayers = configuration.modelType == "smollm3"
        if configuration.rotaryTables.first?.settings.width == configuration.headWidth, !leavesLayers { return false }
        if name.hasSuffix("query_key_value.bias") { return index / configuration.headWidth % 3 == 1 }
        if name.hasSuffix("c_attn.bias") { return index / configuration.hiddenSize == 1 }
        return name.hasSuffix("k_proj.bias")
    }

    /// The reference's adapter, on the matrices that it names.
    var adapter: AdapterSettings {
        var settings = AdapterSettings(rank: 4, alpha: 8)
        let names = figure("lora_config", "targets")?.array?.compactMap(\.string) ?? []
        if !names.isEmpty { settings.targets = .names(names) }
        return settings
    }

    /// Whether its configuration was drawn (scripts/check-models): nobody has looked whether some
    /// of its gradients are next to nothing, where rounding decides.
    var isDrawn: Bool { figures["drawn"]?.bool ?? false }

    /// How far a loss may be off.
    var lossBound: Double { isDrawn ? 5e-5 : 1e-5 }

    /// How far an entry of a gradient may be off beside a share of the largest.
    func rounding(_ norm: Double) -> Float { isDrawn ? 2e-8 * Float(norm) : 0 }

    /// How many entries of so many may be off after some steps of the optimizer.
    func strays(_ count: Int, usual: Int) -> Int { isDrawn ? max(20, count / 50) : max(usual, count / 1000) }

    func figure(_ path: String...) -> JSONNode? { path.reduce(figures as JSONNode?) { $0?[$1] } }
}

/// Trains a golden model for five steps on one device, as the reference did.
struct GoldenRun {
    let model: LanguageModel
    let session: TrainingSession
    let batch: PackedBatch

    init(
        _ golden: GoldenModel, weights: Checkpoint? = nil, isLoRA: Bool, adapter: AdapterSettings? = nil, device: any ComputeDevice,
        recomputes: Bool = false, logitsByteLimit: Int = 32 << 20, baseWeights: BaseWeights = .stored
    ) throws {
        let training: LanguageModel.Training = isLoRA ? .adapter(adapter ?? golden.adapter, seed: 1) : .full
        var mixable: Set<ElementType> = []
        for type in [ElementType.bfloat16, .float16] where device.mixesFloat32(with: type) { mixable.insert(type) }
        model = try LanguageModel(
            golden.configuration, source: .checkpoint(weights ?? golden.checkpoint), training: training,
            precision: .init(mixableTypes: mixable, baseWeights: baseWeights),
            maximumLength: golden.paddedLength, decaysAll: true, pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        var optimizer = AdamWOptimizer()
        optimizer.weightDecay = 0.01
        let programs = Programs(
            model: model, optimizer: optimizer, recomputedLayers: recomputes ? Set(0..<golden.configuration.layerCount) : [],
            logitsByteLimit: logitsByteLimit)
        let examples = golden.examples
        let trainedTokens = examples.reduce(0) { $0 + $1.size.trainedTokenCount }
        let size = ProgramSize(roundingUp: examples.reduce(0) { $0 + $1.size.tokenCount }, trainedTokens)
        session = try TrainingSession(device: device, programs: programs, largest: size)
        batch = PackedBatch(
            examples, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount, window: golden.configuration.slidingWindow,
            rotary: model.rotaryRows, rotaryLength: golden.paddedLength)
        guard isLoRA, adapter == nil else { return }
        for adapter in model.adapters {
            for (key, suffix) in [(adapter.keyOfA, "lora_A"), (adapter.keyOfB, "lora_B")] {
                guard let initial = golden.tensors["lora.init.\(adapter.module.name).\(suffix)"] else { continue }
                try model.write(initial.floats(), key, session.persistent)
            }
        }
    }

    /// The reference's name of a trained tensor.
    func goldenName(_ key: String) -> String {
        guard key.hasPrefix("base_model.model.") else { return key }
        return String(key.dropFirst("base_model.model.".count).dropLast(".weight".count))
    }
}
