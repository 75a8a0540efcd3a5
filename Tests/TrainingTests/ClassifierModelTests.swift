import CPUBackend
import Datasets
import Graph
import JSON
import Models
import Tensors
import TestSupport
import Testing
import Tokenization
import Training
import VulkanBackend

/// Heads on models of other families, against transformers and PEFT: the reference data beside the
/// checkout has them.
@Suite(.serialized) struct ClassifierModelTests {
    private static let shared = ReferenceSet.available.filter { $0.has("classification/qwen2-tiny-checkpoint/config.json") }
    private static let isVulkanThere = (try? VulkanDevice()) != nil
    private static let devices = isVulkanThere ? ["cpu", "vulkan"] : ["cpu"]

    private static func device(_ name: String) throws -> any ComputeDevice {
        if name == "cpu" { return try CPUDevice() }
        return try VulkanDevice()
    }

    /// The rows of a padded batch as samples.
    private static func samples(_ tensors: [String: StoredTensor]) throws -> [Sample] {
        func integers(_ name: String) throws -> [Int] {
            let tensor = try #require(tensors[name])
            let start = try #require(tensor.bytes.baseAddress)
            return (0..<tensor.elementCount).map { Int(start.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
        }
        let (ids, mask) = (try integers("input_ids"), try integers("attention_mask"))
        let rows = try #require(tensors["input_ids"]?.shape.first)
        let labels = tensors["label"] == nil ? [Int](repeating: 0, count: rows) : try integers("label")
        let width = ids.count / rows
        return (0..<rows).map { row in
            let tokens = (row * width..<(row + 1) * width).filter { mask[$0] == 1 }.map { Int32(ids[$0]) }
            return Sample([TokenizedExample(ids: tokens, isTrained: tokens.map { _ in true })], labels: [labels[row]])
        }
    }

    private static func tensors(_ path: String) throws -> [String: StoredTensor] {
        Dictionary(try SafetensorsFile(path: path).tensors.map { ($0.name, $0) }) { first, _ in first }
    }

    private static func batch(_ samples: [Sample], _ objective: ClassificationObjective, _ model: LanguageModel) -> PackedBatch {
        let size = ProgramSize(roundingUp: samples.reduce(0) { $0 + $1.size.tokenCount }, samples.count)
        return PackedBatch(
            samples, for: objective, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount,
            window: model.configuration.slidingWindow, rotary: model.rotaryRows)
    }

    private static func expectLogits(_ measures: Measures, _ wanted: StoredTensor?) throws {
        let (found, wanted) = (measures.scored.flatMap(\.logits), try #require(wanted).floats())
        #expect(found.count == wanted.count && zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-4 }, "\(found), reference \(wanted)")
    }

    @Test(.enabled(if: !shared.isEmpty, "needs classifiers of ../shared/golden"), arguments: devices, shared)
    func aClassifiersCheckpointGivesTheReferencesLogits(name: String, set: ReferenceSet) throws {
        let folder = set.path("classification/qwen2-tiny-checkpoint")
        let labels = try #require(try ModelLabels(HuggingFaceFolder(path: folder)))
        #expect(labels.names == ["low", "middle", "high"] && !labels.isMultiLabel)
        let device = try Self.device(name)
        let model = try LanguageModel(
            ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)), training: .nothing, maximumLength: 64,
            head: TaskHead(labels: labels, seed: 1), pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        let objective = ClassificationObjective(classes: labels.names)
        let golden = try Self.tensors(folder + "/golden.safetensors")
        let batch = Self.batch(try Self.samples(golden), objective, model)
        let evaluator = try Evaluator(
            device: device, programs: Programs(model: model, optimizer: AdamWOptimizer(), objective: objective), batches: [batch])
        try Self.expectLogits(try evaluator.evaluate([batch]), golden["logits"])
    }

    @Test(
        .enabled(if: !shared.isEmpty, "needs classifiers of ../shared/golden"), arguments: devices,
        ["qwen2-tiny/full", "qwen2-tiny/lora", "phi3-tiny/full", "phi3-tiny/lora"])
    func fiveStepsAreTheReferences(name: String, kind: String) throws {
        let set = try #require(Self.shared.first)
        let parts = kind.split(separator: "/").map(String.init)
        let (folder, isLoRA) = (set.path("classification/\(parts[0])"), parts[1] == "lora")
        let base = set.path("models/\(parts[0])")
        let golden = try Self.tensors(folder + "/golden.safetensors")
        let description = try set.json("classification/\(parts[0])/golden.json")
        let figures = try #require(description[parts[1]])
        let classes = (0..<(try #require(description["classes"]?.integer))).map { "class \($0)" }
        let device = try Self.device(name)
        let configuration = try ModelConfiguration(folder: base)
        let settings = try AdapterFolder(folder + "/adapter").settings(on: LanguageModel.linearModules(of: configuration))
        let model = try LanguageModel(
            configuration, source: .checkpoint(Checkpoint(folder: base)), training: isLoRA ? .adapter(settings, seed: 1) : .full,
            maximumLength: 64, head: TaskHead(outputs: classes.count, seed: 1), decaysAll: true,
            pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        let objective = ClassificationObjective(classes: classes)
        let batch = Self.batch(try Self.samples(golden), objective, model)
        let session = try TrainingSession(
            device: device, programs: Programs(model: model, optimizer: AdamWOptimizer(), objective: objective),
            largest: ProgramSize(tokenCount: batch.tokenCapacity, trainedCount: batch.trainedCapacity))
        func reference(_ prefix: String, _ key: String) -> StoredTensor? {
            let name = key.replacing("base_model.model.", with: "")
            return golden["\(parts[1]).\(prefix).\(name)"] ?? golden["\(parts[1]).\(prefix).\(name.replacing(".weight", with: ""))"]
        }
        for parameter in model.trainables.parameters {
            if let initial = reference("init", parameter.key) { try model.write(initial.floats(), parameter.key, session.persistent) }
        }
        try Self.expectLogits(try session.evaluate(batch), golden["\(parts[1]).logits"])
        let losses = try #require(figures["loss_per_step"]?.array).compactMap(\.double)
        for (step, wanted) in losses.enumerated() {
            let found = try session.addGradients(of: batch, batchWeight: batch.weight, seed: 1, step: step + 1, microBatch: 0)
            #expect(abs(found.meanLoss - wanted) < 1e-5, "step \(step + 1): \(found.meanLoss), reference \(wanted)")
            _ = try session.update(learningRate: 1e-3, step: step + 1)
        }
        var compared = 0
        for parameter in model.trainables.parameters {
            guard let wanted = reference("after5", parameter.key)?.floats() else { continue }
            let found = try model.read(parameter.key, session.persistent)
            let error = zip(found, wanted).map { abs($0 - $1) }.max() ?? .infinity
            #expect(found.count == wanted.count && error < 5e-5, "\(parameter.key): off by \(error)")
            compared += 1
        }
        #expect(compared >= 1 && losses.count == 5)
    }
}
