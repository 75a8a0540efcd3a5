import CPUBackend
import Datasets
import Graph
import JSON
import Manifest
import Models
import Tensors
import TestSupport
import Testing
import Tokenization
import VulkanBackend

@testable import Training

/// What may be added to the cross-entropy of tokens, and how they are weighted.
@Suite(.serialized) struct TokenLossTests {
    static let sets = ReferenceSet.available.filter { $0.has("optimizers/losses/golden.json") }

    private static func objective(_ form: String, _ golden: JSONNode) throws -> any Objective {
        var settings = Manifest.Supervised()
        if form != "plain", form != "z_loss" { settings.labelSmoothing = try #require(golden["label_smoothing"]?.double) }
        if form != "plain", form != "label_smoothing" { settings.zLoss = try #require(golden["z_loss_coefficient"]?.double) }
        return SupervisedObjective().configured(by: settings)
    }

    private static func compare(_ set: ReferenceSet, on device: any ComputeDevice) throws {
        let file = try SafetensorsFile(path: set.path("optimizers/losses/golden.safetensors"))
        let tensors = Dictionary(file.tensors.map { ($0.name, $0) }) { first, _ in first }
        let golden = try set.json("optimizers/losses/golden.json")
        func integers(_ name: String) throws -> [Int] {
            let tensor = try #require(tensors[name], "\(name)")
            let start = try #require(tensor.bytes.baseAddress)
            return (0..<tensor.elementCount).map { Int(start.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
        }
        let (ids, mask, labels) = try (integers("input_ids"), integers("attention_mask"), integers("labels"))
        let width = try #require(tensors["input_ids"]?.shape.last)
        let samples = stride(from: 0, to: ids.count, by: width).map { start in
            let places = (start..<start + width).filter { mask[$0] == 1 }
            return Sample(ids: places.map { Int32(ids[$0]) }, isTrained: places.map { labels[$0] >= 0 })
        }
        for member in golden["losses"]?.object ?? [] {
            let form = member.key
            let objective = try objective(form, golden)
            let model = try LanguageModel(
                ModelConfiguration(folder: set.chatModel), source: .checkpoint(Checkpoint(folder: set.chatModel)),
                training: .adapter(AdapterSettings(rank: 2, alpha: 4), seed: 1), maximumLength: 256,
                pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
            let size = ProgramSize(
                roundingUp: samples.reduce(0) { $0 + $1.size.tokenCount }, samples.reduce(0) { $0 + $1.size.trainedTokenCount })
            let session = try TrainingSession(
                device: device, programs: Programs(model: model, optimizer: AdamWOptimizer(), objective: objective), largest: size)
            func name(_ key: String) -> String { String(key.dropFirst("base_model.model.".count).dropLast(".weight".count)) }
            for parameter in model.trainables.parameters {
                let initial = try #require(tensors["lora.init." + name(parameter.key)], "\(name(parameter.key))")
                try model.write(initial.floats(), parameter.key, session.persistent)
            }
            let batch = PackedBatch(
                samples, for: objective, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount, window: nil,
                rotary: model.rotaryRows)
            let loss = try session.addGradients(of: batch, batchWeight: batch.weight, seed: 1, step: 1, microBatch: 0).meanLoss
            let wanted = try #require(member.node["loss"]?.double)
            #expect(abs(loss - wanted) < 1e-5, "\(device.name), \(form): loss \(loss), reference \(wanted)")
            for parameter in model.trainables.parameters {
                let expected = try #require(tensors["\(form).grad." + name(parameter.key)], "\(form) \(name(parameter.key))").floats()
                let gradient = try #require(model.trainables.tensor(of: parameter.key, .gradient))
                let found = try model.read(gradient.key, session.persistent)
                let largest = expected.map { abs($0) }.max() ?? 0
                let error = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
                #expect(error <= 2e-4 * largest, "\(device.name), \(form) \(parameter.key): off by \(error) of \(largest)")
            }
            // Evaluation knows the cross-entropy alone.
            let plain = try #require(golden["losses"]?["plain"]?["loss"]?.double)
            #expect(abs(try session.evaluate(batch).meanLoss - plain) < 1e-5)
        }
    }

    @Test(.enabled(if: !sets.isEmpty, "../shared/golden is not there"), arguments: sets)
    func smoothingAndTheSquaredSumAreTheReferencesOnBothBackends(set: ReferenceSet) throws {
        try Self.compare(set, on: CPUDevice())
        if let vulkan = try? VulkanDevice() { try Self.compare(set, on: vulkan) }
    }

    /// Where examples count alike, the loss is the mean of their means, and so is its gradient.
    @Test(arguments: [false, true]) func examplesMayCountAlike(trainsAll: Bool) throws {
        var settings = Manifest.Supervised()
        settings.weightPerExample = .examples
        let objective = SupervisedObjective().configured(by: settings)
        let samples = [
            Sample(ids: [1, 5, 6, 7, 8, 9], isTrained: [false, true, true, true, true, true]),
            Sample(ids: [1, 9, 4], isTrained: [false, false, true]),
        ]
        let together = try Self.run(objective, [samples], weight: 2, trainsAll: trainsAll, on: CPUDevice())
        // Each example by itself, with half of its own mean.
        let apart = try Self.run(SupervisedObjective(), samples.map { [$0] }, weight: 0, trainsAll: trainsAll, on: CPUDevice())
        Self.expectEqual(together, apart)
    }

    /// A token of weight 2 is as much as two of weight 1, in the loss and in its gradient.
    @Test(arguments: [false, true], [false, true])
    func tokensCountWhatTheirWeightsSay(trainsAll: Bool, isOnVulkan: Bool) throws {
        let vulkan = isOnVulkan ? try? VulkanDevice() : nil
        guard let device: any ComputeDevice = try isOnVulkan ? vulkan : CPUDevice() else { return }
        let ids: [Int32] = [1, 5, 6, 7, 8, 9]
        let weights: [Float] = [0, 2, 0.5, 0, 1, 2]
        let weighted = Sample([TokenizedExample(ids: ids, isTrained: weights.map { $0 > 0 }, weights: weights)])
        let plain = Sample(ids: [1, 9, 4], isTrained: [false, false, true])
        var objective = SupervisedObjective()
        objective.hasTokenWeights = true
        let sum = weighted.trainedWeight + 1
        #expect(sum == 6.5)
        let together = try Self.run(objective, [[weighted, plain]], weight: sum, trainsAll: trainsAll, on: device)
        // Every half of a weight is a run of its own that trains one token.
        let halves = weights.indices.flatMap { place in
            Array(
                repeating: [Sample(ids: ids, isTrained: weights.indices.map { $0 == place })], count: Int(2 * weights[place]))
        }
        let apart = try Self.run(
            SupervisedObjective(), halves + [[plain], [plain]], weight: 2 * sum, trainsAll: trainsAll, on: device)
        Self.expectEqual(together, apart)
    }

    private typealias Outcome = (loss: Double, gradient: [Float])

    private static func expectEqual(_ found: Outcome, _ wanted: Outcome) {
        #expect(abs(found.loss - wanted.loss) < 1e-6)
        let largest = wanted.gradient.map { abs($0) }.max() ?? 0
        #expect(largest > 0 && zip(found.gradient, wanted.gradient).allSatisfy { abs($0 - $1) <= 1e-5 * largest })
    }

    /// The loss of micro-batches, and the gradient of the last tensor.
    /// - Parameter weight: what all of them count; 0: each counts as much as the others.
    private static func run(
        _ objective: any Objective, _ batches: [[Sample]], weight: Double, trainsAll: Bool, on device: any ComputeDevice
    ) throws -> Outcome {
        let folder = TinyRun.demo.model
        let model = try LanguageModel(
            ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)),
            training: trainsAll ? .full : .adapter(AdapterSettings(rank: 2, alpha: 4), seed: 1), maximumLength: 32,
            pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        let session = try TrainingSession(
            device: device, programs: Programs(model: model, optimizer: AdamWOptimizer(), objective: objective),
            largest: ProgramSize(roundingUp: 64, 64))
        var sum = Measures()
        var losses = 0.0
        for (index, members) in batches.enumerated() {
            let batch = PackedBatch(
                members, for: objective, tokenCapacity: 64, trainedCapacity: 64, window: nil, rotary: model.rotaryRows)
            let measures = try session.addGradients(
                of: batch, batchWeight: weight > 0 ? weight : Double(batches.count) * batch.weight, seed: 1, step: 1, microBatch: index)
            losses += measures.meanLoss / Double(batches.count)
            sum += measures
        }
        let key = try #require(model.trainables.parameters.last?.key)
        let gradient = try #require(model.trainables.tensor(of: key, .gradient))
        return (weight > 0 ? sum.meanLoss : losses, try model.read(gradient.key, session.persistent))
    }
}
