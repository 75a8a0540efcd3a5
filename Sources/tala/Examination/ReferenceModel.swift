import Datasets
import Graph
import JSON
import Manifest
import Models
import Storage
import Tensors
import Training

/// A tiny model of a reference set with a batch, and the losses that transformers and PEFT computed
/// in five steps of tuning an adapter: `models/NAME` with `golden.json` and `golden.safetensors`.
struct ReferenceModel {
    /// The bound of the parity tests for a step's loss.
    static let tolerance = 1e-5

    private let checkpoint: Checkpoint
    private let configuration: ModelConfiguration
    private let tensors: [String: StoredTensor]
    private let lengths: [Int]
    private let losses: [Double]

    /// The models of a set whose family is known and which have figures for an adapter.
    static func names(in folder: String) -> [String] {
        ((try? FolderListing.names(in: folder + "/models")) ?? []).sorted().filter { name in
            (try? ReferenceModel(folder: folder, name: name)).map { !$0.losses.isEmpty } ?? false
        }
    }

    /// - Throws: what cannot be read.
    init(folder: String, name: String) throws {
        let path = "\(folder)/models/\(name)"
        let opened = try OpenedModel(path: path)
        guard let weights = opened.weights else { throw ModelError(file: path, "holds no weights") }
        (checkpoint, configuration) = (weights, opened.configuration)
        tensors = Dictionary(try SafetensorsFile(path: path + "/golden.safetensors").tensors.map { ($0.name, $0) }) { first, _ in first }
        let figures = try JSONParser().parse(try DurableFiles.read(path + "/golden.json", limit: 16 << 20))
        lengths = figures["lengths"]?.array?.compactMap(\.integer) ?? []
        losses = figures["lora"]?["loss_per_step"]?.array?.compactMap(\.double) ?? []
    }

    /// The rows of the batch without their padding.
    private var examples: [Sample] {
        func integers(_ name: String) -> [Int] {
            guard let tensor = tensors[name], let start = tensor.bytes.baseAddress else { return [] }
            return (0..<tensor.elementCount).map { Int(start.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
        }
        let (ids, labels) = (integers("input_ids"), integers("labels"))
        return lengths.enumerated().compactMap { row, length in
            let range = (row * width)..<(row * width + length)
            guard length > 0, range.upperBound <= min(ids.count, labels.count) else { return nil }
            return Sample(ids: ids[range].map { Int32(truncatingIfNeeded: $0) }, isTrained: labels[range].map { $0 != -100 })
        }
    }

    /// On the matrices that the reference tuned: those that it has first values of.
    private var adapter: AdapterSettings {
        var settings = AdapterSettings(rank: 4, alpha: 8)
        let modules = tensors.keys.filter { $0.hasPrefix("lora.init.") && $0.hasSuffix(".lora_A") }.map { $0.dropLast(".lora_A".count) }
        let names = Set(modules.compactMap { $0.split(separator: ".").last.map(String.init) })
        if !names.isEmpty { settings.targets = .names(names.sorted()) }
        return settings
    }

    private var width: Int { tensors["input_ids"]?.shape.last ?? 0 }

    /// Does the five steps.
    /// - Returns: the largest difference of a loss from the reference's.
    /// - Throws: what the device throws.
    func largestDifference(on device: any ComputeDevice) throws -> Double {
        let mixable = Set([ElementType.bfloat16, .float16].filter { device.mixesFloat32(with: $0) })
        let model = try LanguageModel(
            configuration, source: .checkpoint(checkpoint), training: .adapter(adapter, seed: 1),
            precision: .init(mixableTypes: mixable), maximumLength: width, decaysAll: true,
            pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        var optimizer = AdamWOptimizer()
        optimizer.weightDecay = 0.01
        let examples = examples
        let size = ProgramSize(
            roundingUp: examples.reduce(0) { $0 + $1.size.tokenCount }, examples.reduce(0) { $0 + $1.size.trainedTokenCount })
        let programs = Programs(model: model, optimizer: optimizer, recomputedLayers: [], logitsByteLimit: 32 << 20)
        let session = try TrainingSession(device: device, programs: programs, largest: size)
        let batch = PackedBatch(
            examples, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount, window: configuration.slidingWindow,
            rotary: model.rotaryRows, rotaryLength: width)
        for adapter in model.adapters {
            for (key, suffix) in [(adapter.keyOfA, "lora_A"), (adapter.keyOfB, "lora_B")] {
                guard let initial = tensors["lora.init.\(adapter.module.name).\(suffix)"] else { continue }
                try model.write(initial.floats(), key, session.persistent)
            }
        }
        var largest = 0.0
        for (index, loss) in losses.enumerated() {
            let sum = try session.addGradients(of: batch, batchWeight: batch.weight, seed: 0, step: index + 1, microBatch: 0)
            largest = max(largest, abs(sum.meanLoss - loss))
            // A loss that is no number is never the larger one.
            if !sum.meanLoss.isFinite { return .infinity }
            _ = try session.update(learningRate: 1e-3, step: index + 1)
        }
        return largest
    }
}
