import CPUBackend
import Export
import Foundation
import Graph
import JSON
import Manifest
import Models
import Tensors
import TestSupport
import Testing
import Training
import VulkanBackend

/// GPT-OSS as it is published, its experts in MXFP4: the same numbers as the checkpoint that has
/// them in sixteen bits, kept in their blocks, and written as they were where nothing of them
/// changes.
@Suite(.serialized) struct PackedExpertTests {
    private static let packed = ReferenceItem(.own, "packed", "gpt-oss-small")
    private static func golden() throws -> GoldenModel { try GoldenModel(ReferenceItem(.own, "models", "gpt-oss-small")) }

    private nonisolated(unsafe) static let vulkan: VulkanDevice? = SharedVulkanDevice.isThere ? try? VulkanDevice(validates: true) : nil
    private static func devices() throws -> [any ComputeDevice] { [try CPUDevice()] + (vulkan.map { [$0] } ?? []) }

    private static func folder() throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("tala-packed-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    @Test func everyNumberIsTheOneInSixteenBits() throws {
        let golden = try Self.golden()
        let opened = try OpenedModel(path: Self.packed.path)
        let weights = try #require(opened.weights)
        var count = 0
        for (name, tensor) in golden.checkpoint.tensors {
            let own = try #require(weights.tensors[name], "\(name)")
            #expect(own.shape == tensor.shape && own.floats() == tensor.floats(), "\(name)")
            guard own.blocks != nil else { continue }
            // Also from the middle of a row on.
            let part = 5..<own.elementCount - 3
            let numbers = [Float](unsafeUninitializedCapacity: part.count) { buffer, initialized in
                initialized = part.count
                if let target = buffer.baseAddress { own.read(part, into: target) }
            }
            #expect(numbers == Array(tensor.floats()[part]), "\(name)")
            count += 1
        }
        #expect(count == 2 * 4 * 3)
    }

    @Test func theModelHasAsManyParametersAsInSixteenBits() {
        let packed = ModelFacts(path: Self.packed.path)
        let plain = ModelFacts(path: ReferenceItem(.own, "models", "gpt-oss-small").path)
        #expect(packed.parameters == plain.parameters && packed.parameters != nil)
        #expect(packed.type == "mxfp4" && plain.type == "bfloat16")
        let sizes = (packed.byteCount ?? 0, plain.byteCount ?? 0)
        #expect(sizes.0 > 0 && sizes.0 < sizes.1, "\(sizes)")
    }

    /// A run over one of the two checkpoints, with an adapter whose B is not zero.
    private static func run(
        _ golden: GoldenModel, _ weights: Checkpoint?, _ targets: [String], _ device: any ComputeDevice
    ) throws -> GoldenRun {
        var settings = AdapterSettings(rank: 3, alpha: 6)
        settings.targets = .names(targets)
        let run = try GoldenRun(golden, weights: weights, isLoRA: true, adapter: settings, device: device)
        for (index, adapter) in run.model.adapters.enumerated() {
            let numbers = (0..<adapter.module.outputs * adapter.rank).map { Float(sin(Double(index * 31 + $0 * 7))) * 0.1 }
            try run.model.write(numbers, adapter.keyOfB, run.session.persistent)
        }
        return run
    }

    @Test func expertsStayInTheirBlocksAndTrainAsTheOthersDo() throws {
        let golden = try Self.golden()
        let weights = try #require(try OpenedModel(path: Self.packed.path).weights)
        for device in try Self.devices() {
            let targets = ["q_proj", "o_proj", "gate_proj", "down_proj"]
            let (packed, plain) = (try Self.run(golden, weights, targets, device), try Self.run(golden, nil, targets, device))
            let (wide, narrow) = (Self.expertBytes(plain), Self.expertBytes(packed))
            #expect(narrow > 0 && narrow * 3 < wide, "\(narrow) bytes of \(wide)")
            for step in 1...3 {
                let found = try packed.session.addGradients(
                    of: packed.batch, batchWeight: packed.batch.weight, seed: 0, step: step, microBatch: 0)
                let wanted = try plain.session.addGradients(
                    of: plain.batch, batchWeight: plain.batch.weight, seed: 0, step: step, microBatch: 0)
                #expect(
                    abs(found.meanLoss - wanted.meanLoss) < 2e-5, "step \(step) on \(device.name): \(found.meanLoss), \(wanted.meanLoss)")
                let norms = (
                    try packed.session.update(learningRate: 1e-3, step: step), try plain.session.update(learningRate: 1e-3, step: step)
                )
                #expect(abs(norms.0 - norms.1) < 1e-3 * norms.1, "step \(step) on \(device.name): \(norms)")
            }
        }
    }

    /// What the frozen matrices of experts take on the device.
    private static func expertBytes(_ run: GoldenRun) -> Int {
        run.model.frozenTensors.filter { $0.key.hasPrefix("stack/") && $0.key.hasSuffix(".weight") }.reduce(0) { $0 + $1.type.byteCount }
    }

    @Test func fullTrainingOfBlocksIsRefused() throws {
        let golden = try Self.golden()
        let weights = try #require(try OpenedModel(path: Self.packed.path).weights)
        #expect { try GoldenRun(golden, weights: weights, isLoRA: false, device: CPUDevice()) } throws: { "\($0)".contains("MXFP4") }
    }

    // MARK: What is written

    private static func merged(_ targets: [String]) throws -> (folder: String, loss: Double) {
        let golden = try golden()
        let weights = try #require(try OpenedModel(path: packed.path).weights)
        let run = try run(golden, weights, targets, CPUDevice())
        let tuned = TunedModel(model: run.model, folder: HuggingFaceFolder(path: packed.path), baseName: "gpt-oss") { key, body in
            try run.model.read(key, run.session.persistent).withUnsafeBufferPointer(body)
        }
        let folder = try folder()
        try ModelExport.writeMerged(
            run.model, base: weights, trained: { try run.model.read($0, run.session.persistent) }, to: folder)
        try tuned.withoutQuantization(if: tuned.dequantisesBase).writeCompanions(to: folder)
        return (folder, try run.session.evaluate(run.batch).meanLoss)
    }

    private static func loss(of folder: String) throws -> Double {
        let golden = try golden()
        let opened = try OpenedModel(path: folder)
        let run = try GoldenRun(
            golden, weights: opened.weights, isLoRA: true, adapter: AdapterSettings(rank: 1, alpha: 1), device: CPUDevice())
        return try run.session.evaluate(run.batch).meanLoss
    }

    @Test func whatAnAdapterOnAttentionLeavesAloneIsWrittenByteForByte() throws {
        let (folder, loss) = try Self.merged(["q_proj", "o_proj"])
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (before, after) = (try Checkpoint(folder: Self.packed.path), try Checkpoint(folder: folder))
        #expect(Set(before.tensors.keys) == Set(after.tensors.keys))
        for (name, tensor) in before.tensors where name.contains(".experts.") {
            let own = try #require(after.tensors[name])
            #expect(own.elementType == tensor.elementType && own.bytes.elementsEqual(tensor.bytes), "\(name)")
        }
        #expect(
            try Self.packed.json("config.json")["quantization_config"] == ReferenceSet.json(folder, "config.json")["quantization_config"])
        #expect(try abs(Self.loss(of: folder) - loss) < 5e-3)
    }

    @Test func whatAnAdapterOnExpertsChangesIsWrittenInSixteenBits() throws {
        let (folder, loss) = try Self.merged(["down_proj"])
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let after = try Checkpoint(folder: folder)
        let golden = try Checkpoint(folder: ReferenceItem(.own, "models", "gpt-oss-small").path)
        #expect(Set(after.tensors.keys) == Set(golden.tensors.keys))
        for (name, tensor) in golden.tensors {
            let own = try #require(after.tensors[name])
            #expect(own.shape == tensor.shape && own.elementType == .bfloat16, "\(name)")
            #expect((own.floats() == tensor.floats()) == !name.hasSuffix("experts.down_proj"), "\(name)")
        }
        #expect(try ReferenceSet.json(folder, "config.json")["quantization_config"] == nil)
        #expect(try abs(Self.loss(of: folder) - loss) < 5e-3)
    }

    // MARK: What is refused

    @Test func aCheckpointThatDoesNotFitIsRefusedByTheNameOfItsTensor() throws {
        let golden = try Self.golden()
        let stored = try Checkpoint(folder: Self.packed.path)
        let name = "model.layers.1.mlp.experts.down_proj"
        for (left, words) in [
            ([name + "_scales"], ["_scales"]), ([name + "_scales", name + "_blocks"], ["is not in the checkpoint", name]),
        ] {
            let folder = try Self.folder()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let kept = stored.tensors.values.filter { !left.contains($0.name) }.sorted { $0.name < $1.name }
            var writer = try SafetensorsWriter(
                path: folder + "/model.safetensors",
                entries: kept.map { .init(name: $0.name, shape: $0.shape, elementType: $0.elementType) })
            for tensor in kept { try writer.append(tensor.bytes) }
            try writer.finish()
            try FileManager.default.copyItem(atPath: Self.packed.path("config.json"), toPath: folder + "/config.json")
            let weights = try #require(try OpenedModel(path: folder).weights)
            #expect { try GoldenRun(golden, weights: weights, isLoRA: true, device: CPUDevice()) } throws: { error in
                words.allSatisfy { "\(error)".contains($0) }
            }
        }
    }
}

extension ReferenceSet {
    fileprivate static func json(_ folder: String, _ name: String) throws -> JSONNode {
        try JSONParser().parse(Array(Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))))
    }
}
