import CPUBackend
import Datasets
import Foundation
import Graph
import JSON
import Manifest
import Models
import Tensors
import TestSupport
import Testing
import Training

/// Models in GGUF files against transformers on the numbers that are in them.
@Suite(.serialized) struct GGUFParityTests {
    private static let folder = ReferenceSet.shared.path("gguf")
    private static let hasReference = ReferenceSet.available.contains(.shared)
    private static let names: [String] = {
        guard hasReference else { return [] }
        return ((try? FileManager.default.contentsOfDirectory(atPath: folder + "/models")) ?? []).sorted()
    }()

    private static func tensors(_ path: String) throws -> [String: StoredTensor] {
        Dictionary(try SafetensorsFile(path: path).tensors.map { ($0.name, $0) }) { first, _ in first }
    }

    private static func integers(_ tensor: StoredTensor) -> [Int] {
        guard let start = tensor.bytes.baseAddress else { return [] }
        return (0..<tensor.elementCount).map { Int(start.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
    }

    /// Logits of one row of tokens; the adapter, which a session wants, begins with zeros.
    static func logits(_ opened: OpenedModel, _ ids: [Int], _ weights: BaseWeights, _ device: any ComputeDevice) throws -> [Float] {
        let model = try LanguageModel(
            opened.configuration, source: .checkpoint(#require(opened.weights)),
            training: .adapter(AdapterSettings(rank: 1, alpha: 1), seed: 1),
            precision: .init(baseWeights: weights),
            maximumLength: ids.count, pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        let programs = Programs(model: model, optimizer: AdamWOptimizer(), recomputedLayers: [], logitsByteLimit: 32 << 20)
        let size = ProgramSize(roundingUp: ids.count, ids.count)
        let session = try TrainingSession(device: device, programs: programs, largest: size)
        let sample = Sample(ids: ids.map { Int32($0) }, isTrained: ids.map { _ in true })
        let batch = PackedBatch(
            [sample], tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount, window: opened.configuration.slidingWindow,
            rotary: model.rotaryRows, rotaryLength: ids.count)
        var graph = Graph()
        let pass = try model.addForward(to: &graph, tokenCount: batch.tokenCapacity, isTraining: false)
        graph.markOutput(try pass.addLogits(of: pass.hidden, to: &graph), "logits")
        graph.removeDeadNodes()
        let plan = try Planner(limits: device.limits, layout: session.persistent.layout).plan(graph)
        let executable = try device.makeExecutable(
            plan, persistent: session.persistent, arena: device.makeArena(blocks: plan.transientBlocks))
        for (name, values) in [
            (ModelInput.tokens, batch.tokens), (ModelInput.rotaryRows, batch.rotaryRows), (ModelInput.keyRanges, batch.keyRanges),
            (ModelInput.windowKeyRanges, batch.windowKeyRanges),
        ] where plan.inputs[name] != nil { try executable.write(values, to: name) }
        try executable.run()
        let vocabulary = opened.configuration.vocabularySize
        let cap = Float(opened.configuration.finalSoftCap)
        return try executable.readFloats("logits", count: batch.tokenCapacity * vocabulary).prefix(ids.count * vocabulary).map {
            cap == 0 ? $0 : cap * Float(tanh(Double($0 / cap)))
        }
    }

    @Test(.enabled(if: hasReference, "../shared/golden is not there"), arguments: names, [BaseWeights.float32, .stored])
    func logitsAreThoseOfTransformersOnTheFilesNumbers(name: String, weights: BaseWeights) throws {
        let golden = try Self.tensors(Self.folder + "/logits/" + name.dropLast(".gguf".count) + ".safetensors")
        let opened = try OpenedModel(path: Self.folder + "/models/" + name)
        var compared = 0
        for (key, ids) in golden where key.hasPrefix("input_ids") {
            let reference = try #require(golden["logits" + key.dropFirst("input_ids".count)]).floats()
            let found = try Self.logits(opened, Self.integers(ids), weights, CPUDevice())
            let error = zip(found, reference).map { abs($0 - $1) }.max() ?? .infinity
            #expect(found.count == reference.count && error <= 1e-4, "\(name) \(key) \(weights): logits off by \(error)")
            compared += 1
        }
        #expect(compared >= 1)
    }

    /// Taken out of their blocks, and multiplied from them.
    @Test(.enabled(if: hasReference, "../shared/golden is not there"), arguments: [BaseWeights.float32, .stored])
    func anAdapterOverAQuantisedFileTrainsAsInTheReference(weights: BaseWeights) throws {
        let golden = try Self.tensors(Self.folder + "/training/llama-k-q4_k_m.safetensors")
        let figures = try JSONParser().parse([UInt8](Data(contentsOf: URL(fileURLWithPath: Self.folder + "/training/llama-k-q4_k_m.json"))))
        let opened = try OpenedModel(path: Self.folder + "/models/llama-k-q4_k_m.gguf")
        let device = try CPUDevice()
        let width = try #require(golden["input_ids"]?.shape.last)
        let (ids, labels) = (Self.integers(try #require(golden["input_ids"])), Self.integers(try #require(golden["labels"])))
        let lengths = figures["lengths"]?.array?.compactMap(\.integer) ?? []
        let samples = lengths.enumerated().map { row, length in
            let range = row * width..<row * width + length
            return Sample(ids: ids[range].map { Int32($0) }, isTrained: labels[range].map { $0 != -100 })
        }
        let model = try LanguageModel(
            opened.configuration, source: .checkpoint(#require(opened.weights)),
            training: .adapter(AdapterSettings(rank: 2, alpha: 4), seed: 1), precision: .init(baseWeights: weights), maximumLength: width,
            decaysAll: true, pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        // Rows of queries and keys are put in another order; everything else stays in the file.
        let mapped = model.mappedWeights.keys.filter { $0.hasSuffix("proj.weight") || $0.contains("embed") || $0.contains("head") }
        #expect(mapped.count == (weights == .stored ? 2 * 5 + 2 : 0))
        #expect((model.widenedRemark == nil) == (weights == .stored))
        var optimizer = AdamWOptimizer()
        optimizer.weightDecay = 0.01
        let programs = Programs(model: model, optimizer: optimizer, recomputedLayers: [], logitsByteLimit: 32 << 20)
        let size = ProgramSize(
            roundingUp: samples.reduce(0) { $0 + $1.size.tokenCount }, samples.reduce(0) { $0 + $1.size.trainedTokenCount })
        let session = try TrainingSession(device: device, programs: programs, largest: size)
        let batch = PackedBatch(
            samples, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount, window: nil, rotary: model.rotaryRows,
            rotaryLength: width)
        for adapter in model.adapters {
            for (key, suffix) in [(adapter.keyOfA, "lora_A"), (adapter.keyOfB, "lora_B")] {
                try model.write(try #require(golden["init.\(adapter.module.name).\(suffix)"]).floats(), key, session.persistent)
            }
        }
        let losses = figures["loss"]?.array?.compactMap(\.double) ?? []
        let norms = figures["grad_norm"]?.array?.compactMap(\.double) ?? []
        #expect(losses.count == 5 && norms.count == 5)
        for step in 1...5 {
            let sum = try session.addGradients(of: batch, batchWeight: batch.weight, seed: 0, step: step, microBatch: 0)
            #expect(abs(sum.meanLoss - losses[step - 1]) < 1e-5, "step \(step): loss \(sum.meanLoss), reference \(losses[step - 1])")
            if step == 1 {
                for adapter in model.adapters {
                    for (key, suffix) in [(adapter.keyOfA, "lora_A"), (adapter.keyOfB, "lora_B")] {
                        let gradient = try #require(model.trainables.tensor(of: key, .gradient))
                        let reference = try #require(golden["grad.\(adapter.module.name).\(suffix)"]).floats()
                        let found = try model.read(gradient.key, session.persistent)
                        let largest = reference.map(abs).max() ?? 0
                        let error = zip(found, reference).map { abs($0 - $1) }.max() ?? .infinity
                        #expect(
                            found.count == reference.count && error <= 1e-4 * max(largest, 1e-6), "\(key): off by \(error) of \(largest)")
                    }
                }
            }
            let norm = try session.update(learningRate: 1e-3, step: step)
            #expect(abs(norm - norms[step - 1]) < 1e-4 * norms[step - 1], "step \(step): norm \(norm), reference \(norms[step - 1])")
        }
        let after = try session.evaluate(batch).meanLoss
        #expect(abs(after - (figures["loss_after"]?.double ?? 0)) < 1e-4, "after: \(after)")
    }

    @Test(.enabled(if: hasReference, "../shared/golden is not there"))
    func allWeightsOfAQuantisedFileAreNotTrained() throws {
        let opened = try OpenedModel(path: Self.folder + "/models/llama-k-q4_k_m.gguf")
        #expect {
            _ = try LanguageModel(opened.configuration, source: .checkpoint(#require(opened.weights)), training: .full, maximumLength: 8)
        } throws: { "\($0)".contains("adapter.type: full trains all weights, and the file has them quantised (Q4_K, Q6_K)") }
        let exact = try OpenedModel(path: Self.folder + "/models/llama-tiny-bf16.gguf")
        _ = try LanguageModel(exact.configuration, source: .checkpoint(#require(exact.weights)), training: .full, maximumLength: 8)
    }
}
