import CPUBackend
import Export
import Foundation
import JSON
import Manifest
import Models
import Tensors
import TestSupport
import Testing
import Training

/// Weights that a checkpoint stores as `[inputs, outputs]`, as GPT-2 does: what is merged into
/// them, quantised of them, and said of them in an adapter's configuration.
@Suite(.serialized) struct TransposedWeightTests {
    static func golden() throws -> GoldenModel { try GoldenModel(ReferenceItem(.own, "models", "gpt2-narrow-tiny")) }

    @Test func aMergedModelComputesWhatModelAndAdapterComputeTogether() throws {
        let golden = try Self.golden()
        let run = try GoldenRun(golden, isLoRA: true, device: CPUDevice())
        let together = try run.session.evaluate(run.batch).meanLoss
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tala-merged-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.copyItem(
            atPath: golden.item.path("config.json"), toPath: folder.appendingPathComponent("config.json").path)
        try ModelExport.writeMerged(
            run.model, base: golden.checkpoint, trained: { try run.model.read($0, run.session.persistent) }, to: folder.path)
        let merged = try OpenedModel(path: folder.path)
        let weights = try #require(merged.weights)
        #expect(weights.tensors["transformer.h.0.attn.c_attn.weight"]?.shape == [20, 60])
        let alone = try Self.loss(of: weights, golden)
        #expect(abs(alone - together) < 1e-6, "merged \(alone), together \(together)")
        #expect(try abs(Self.loss(of: golden.checkpoint, golden) - together) > 1e-3)
    }

    /// The loss of a model as it is, on the reference's batch.
    private static func loss(of checkpoint: Checkpoint, _ golden: GoldenModel) throws -> Double {
        var plain = AdapterSettings(rank: 1, alpha: 1)
        plain.targets = .allLinear
        // An adapter begins at nothing.
        let model = try GoldenRun(golden, weights: checkpoint, isLoRA: true, adapter: plain, device: CPUDevice())
        return try model.session.evaluate(model.batch).meanLoss
    }

    @Test(arguments: [(BaseWeights.q8, 0.02), (.nf4, 0.3)]) func aQuantisedBaseIsNearTheWholeOne(form: (BaseWeights, Double)) throws {
        let golden = try Self.golden()
        let run = try GoldenRun(golden, isLoRA: true, device: CPUDevice(), baseWeights: form.0)
        let whole = try GoldenRun(golden, isLoRA: true, device: CPUDevice())
        let difference = try abs(run.session.evaluate(run.batch).meanLoss - whole.session.evaluate(whole.batch).meanLoss)
        #expect(difference > 0 && difference < form.1, "\(form.0) is off by \(difference)")
    }

    @Test func anAdaptersConfigurationSaysThatWeightsLieTheOtherWayRound() throws {
        let run = try GoldenRun(Self.golden(), isLoRA: true, device: CPUDevice())
        #expect(AdapterExport.configuration(run.model, baseName: "m")["fan_in_fan_out"]?.bool == true)
        let llama = try GoldenModel(ReferenceItem(.own, "models", "llama-tiny"))
        let other = try GoldenRun(llama, isLoRA: true, device: CPUDevice())
        #expect(AdapterExport.configuration(other.model, baseName: "m")["fan_in_fan_out"]?.bool == false)
    }

    @Test func aCheckpointThatWasSavedWithoutItsHeadIsTheSameModel() throws {
        let golden = try Self.golden()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tala-headless-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.copyItem(
            atPath: golden.item.path("config.json"), toPath: folder.appendingPathComponent("config.json").path)
        let stored = golden.checkpoint.tensors.values.sorted { $0.name < $1.name }
        let prefix = "transformer."
        #expect(stored.allSatisfy { $0.name.hasPrefix(prefix) })
        var writer = try SafetensorsWriter(
            path: folder.path + "/model.safetensors",
            entries: stored.map { .init(name: String($0.name.dropFirst(prefix.count)), shape: $0.shape, elementType: $0.elementType) })
        for tensor in stored { try writer.append(tensor.bytes) }
        try writer.finish()
        let opened = try OpenedModel(path: folder.path)
        #expect(Set(try #require(opened.weights).tensors.keys) == Set(golden.checkpoint.tensors.keys))
    }
}
