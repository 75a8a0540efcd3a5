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

/// What mixtures of experts have beside what every family is compared in: the routers' loss,
/// checkpoints that have all experts as one, adapters on experts, experts of few bits.
@Suite(.serialized) struct ExpertTests {
    static let items = GoldenModel.all.filter { ["qwen3_moe", "mixtral", "phimoe", "gpt_oss"].contains($0.modelType) }
    /// Of which there are checkpoints with one tensor for each expert.
    static let withSingleExperts = items.filter { $0.modelType != "gpt_oss" }
    /// Whose merged models are not rounded to sixteen bits.
    static let inSingle = items.filter { (try? $0.json("config.json")["torch_dtype"]?.string) == "float32" }
    static let withRouterLoss = items.filter { (try? $0.json("golden.json")["router_loss"]) != nil && $0.set == .shared }

    private static func folder() throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("tala-experts-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    private static func write(_ tensors: [(name: String, shape: [Int], numbers: [Float])], to path: String) throws {
        var writer = try SafetensorsWriter(
            path: path, entries: tensors.map { .init(name: $0.name, shape: $0.shape, elementType: .float32) })
        for tensor in tensors { try tensor.numbers.withUnsafeBytes { try writer.append($0) } }
        try writer.finish()
    }

    // MARK: The routers' loss

    @Test(arguments: withRouterLoss) func theRoutersLossAndItsGradientsAreTheReferences(item: ReferenceItem) throws {
        var golden = try GoldenModel(item)
        let coefficient = try #require(golden.figure("router_loss", "coefficient")?.double)
        let count = try #require(golden.figure("router_loss", "chosen_per_token")?.integer)
        golden.configuration.routerLoss = RouterLossSettings(coefficient: coefficient, chosenCount: count)
        for device in try Self.devices() {
            let run = try GoldenRun(golden, isLoRA: false, device: device)
            _ = try run.session.addGradients(of: run.batch, batchWeight: run.batch.weight, seed: 0, step: 1, microBatch: 0)
            let norms = golden.figure("router_loss", "grad_norm_of_each_parameter")
            var compared = 0
            for parameter in run.model.trainables.parameters {
                guard let tensor = run.model.trainables.tensor(of: parameter.key, .gradient) else { continue }
                let found = try run.model.read(tensor.key, run.session.persistent)
                if let norm = norms?[parameter.key]?.double {
                    let own = found.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
                    #expect(abs(own - norm) <= 1e-4 * max(norm, 1e-3), "\(item) \(parameter.key): norm \(own), reference \(norm)")
                    compared += 1
                }
                guard let reference = golden.tensors["full.aux_grad.\(parameter.key)"]?.floats() else { continue }
                let largest = reference.map(abs).max() ?? 0
                let error = zip(found, reference).map { abs($0 - $1) }.max() ?? .infinity
                #expect(error <= 1e-4 * max(largest, 1e-6), "\(item): gradient of \(parameter.key) off by \(error) of \(largest)")
                compared += 1
            }
            #expect(compared > 4, "\(item): only \(compared) gradients were compared on \(device.name)")
        }
    }

    /// A device of this suite's own: a device is used by one thread at a time.
    private nonisolated(unsafe) static let vulkan: VulkanDevice? = SharedVulkanDevice.isThere ? try? VulkanDevice(validates: true) : nil

    private static func devices() throws -> [any ComputeDevice] { [try CPUDevice()] + (vulkan.map { [$0] } ?? []) }

    @Test func configurationAsksForTheRoutersLoss() throws {
        let golden = try GoldenModel(#require(Self.items.first))
        #expect(golden.configuration.routerLoss == nil)
        let node = try golden.item.json("config.json")
        let others = (node.object ?? []).filter { $0.key != "output_router_logits" }
        let asking = JSONNode(others + [JSONMember("output_router_logits", true)])
        let read = try ModelConfiguration(json: asking)
        #expect(read.routerLoss == RouterLossSettings(coefficient: node["router_aux_loss_coef"]?.double ?? 0, chosenCount: 2))
    }

    // MARK: Stacked checkpoints

    /// As transformers 5 holds a model in memory, and saves it where it is told to.
    @Test(arguments: withSingleExperts) func expertsAsOneTensorAreThoseOneByOne(item: ReferenceItem) throws {
        let golden = try GoldenModel(item)
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(atPath: item.path("config.json"), toPath: folder + "/config.json")
        var stacks: [String: [(expert: Int, half: Int, tensor: StoredTensor)]] = [:]
        var written: [(name: String, shape: [Int], numbers: [Float])] = []
        let routers = ["phimoe": "mlp.router", "mixtral": "mlp.gate"]
        for tensor in golden.checkpoint.tensors.values.sorted(by: { $0.name < $1.name }) {
            let parts = tensor.name.split(separator: ".").map(String.init)
            if let place = parts.firstIndex(of: "experts"), let expert = Int(parts[place + 1]) {
                let isDown = ["down_proj", "w2"].contains(parts[place + 2])
                let half = ["up_proj", "w3"].contains(parts[place + 2]) ? 1 : 0
                let name = "model.layers.\(parts[2]).mlp.experts.\(isDown ? "down_proj" : "gate_up_proj")"
                stacks[name, default: []].append((expert, half, tensor))
            } else {
                let router = routers[item.modelType].map { tensor.name.replacingOccurrences(of: "block_sparse_moe.gate", with: $0) }
                written.append((router ?? tensor.name, tensor.shape, tensor.floats()))
            }
        }
        #expect(!stacks.isEmpty)
        for (name, pieces) in stacks.sorted(by: { $0.key < $1.key }) {
            let sorted = pieces.sorted { ($0.expert, $0.half) < ($1.expert, $1.half) }
            let count = Set(pieces.map(\.expert)).count
            let shape = [count, pieces.count / count * sorted[0].tensor.shape[0], sorted[0].tensor.shape[1]]
            written.append((name, shape, sorted.flatMap { $0.tensor.floats() }))
        }
        try Self.write(written, to: folder + "/model.safetensors")
        let weights = try #require(try OpenedModel(path: folder).weights)
        #expect(Set(weights.tensors.keys) == Set(golden.checkpoint.tensors.keys))
        for (name, tensor) in golden.checkpoint.tensors {
            #expect(weights.tensors[name]?.floats() == tensor.floats() && weights.tensors[name]?.shape == tensor.shape, "\(name)")
        }
        let run = try GoldenRun(golden, weights: weights, isLoRA: true, device: CPUDevice())
        let own = try GoldenRun(golden, isLoRA: true, device: CPUDevice())
        #expect(try run.session.evaluate(run.batch).meanLoss == own.session.evaluate(own.batch).meanLoss)
    }

    // MARK: Adapters on experts

    private static func expertNames(_ item: ReferenceItem) -> [String] {
        ["qwen3_moe", "gpt_oss"].contains(item.modelType) ? ["gate_proj", "up_proj", "down_proj"] : ["w1", "w2", "w3"]
    }

    /// A run with an adapter on every expert's matrices, whose B is not zero.
    private static func adapted(_ golden: GoldenModel, _ device: any ComputeDevice) throws -> GoldenRun {
        var settings = AdapterSettings(rank: 3, alpha: 6)
        settings.targets = .names(expertNames(golden.item) + ["q_proj"])
        let run = try GoldenRun(golden, isLoRA: true, adapter: settings, device: device)
        for (index, adapter) in run.model.adapters.enumerated() {
            let count = adapter.module.outputs * adapter.rank
            let numbers = (0..<count).map { Float(sin(Double(index * 31 + $0 * 7))) * 0.1 }
            try run.model.write(numbers, adapter.keyOfB, run.session.persistent)
        }
        return run
    }

    @Test(arguments: inSingle) func anAdapterOnExpertsComputesAndLearnsWhatItsMergedModelDoes(item: ReferenceItem) throws {
        let golden = try GoldenModel(item)
        for device in try Self.devices() {
            let run = try Self.adapted(golden, device)
            #expect(run.model.adapters.contains { $0.module.isExpert } && run.model.adapters.contains { !$0.module.isExpert })
            let folder = try Self.folder()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try FileManager.default.copyItem(atPath: item.path("config.json"), toPath: folder + "/config.json")
            try ModelExport.writeMerged(
                run.model, base: golden.checkpoint, trained: { try run.model.read($0, run.session.persistent) }, to: folder)
            let merged = try #require(try OpenedModel(path: folder).weights)
            #expect(Set(merged.tensors.keys) == Set(golden.checkpoint.tensors.keys))
            let whole = try GoldenRun(golden, weights: merged, isLoRA: false, device: device)
            let together = try run.session.addGradients(of: run.batch, batchWeight: run.batch.weight, seed: 0, step: 1, microBatch: 0)
            let alone = try whole.session.addGradients(of: whole.batch, batchWeight: whole.batch.weight, seed: 0, step: 1, microBatch: 0)
            #expect(abs(together.meanLoss - alone.meanLoss) < 1e-5, "\(item): \(together.meanLoss) and \(alone.meanLoss)")
            for adapter in run.model.adapters where adapter.module.isExpert {
                try Self.compareGradients(of: adapter, run, whole, "\(item) on \(device.name)")
            }
        }
    }

    /// `dA = s Bᵀ dW` and `dB = s dW Aᵀ`.
    private static func compareGradients(of adapter: AdapterModule, _ run: GoldenRun, _ whole: GoldenRun, _ label: String) throws {
        let (rank, inputs, outputs) = (adapter.rank, adapter.module.inputs, adapter.module.outputs)
        func read(_ key: String, _ run: GoldenRun, _ kind: PersistentTensor.Kind) throws -> [Float] {
            let tensor = try #require(run.model.trainables.tensor(of: key, kind))
            return try run.model.read(tensor.key, run.session.persistent)
        }
        let slopes = try read(adapter.module.name + ".weight", whole, .gradient)
        let (a, b) = (try read(adapter.keyOfA, run, .parameter), try read(adapter.keyOfB, run, .parameter))
        let (ofA, ofB) = (try read(adapter.keyOfA, run, .gradient), try read(adapter.keyOfB, run, .gradient))
        var (wantedA, wantedB) = ([Double](repeating: 0, count: a.count), [Double](repeating: 0, count: b.count))
        for row in 0..<outputs {
            for column in 0..<inputs {
                let slope = adapter.scale * Double(slopes[row * inputs + column])
                for index in 0..<rank {
                    wantedA[index * inputs + column] += slope * Double(b[row * rank + index])
                    wantedB[row * rank + index] += slope * Double(a[index * inputs + column])
                }
            }
        }
        for (found, wanted, name) in [(ofA, wantedA, "A"), (ofB, wantedB, "B")] {
            let largest = wanted.map(abs).max() ?? 0
            let error = zip(found, wanted).map { abs(Double($0) - $1) }.max() ?? .infinity
            #expect(error <= 1e-4 * max(largest, 1e-4), "\(label): \(name) of \(adapter.module.name) off by \(error) of \(largest)")
        }
    }

    @Test func allLinearLeavesExpertsOutAndSingleExpertsAreRefused() throws {
        let golden = try GoldenModel(#require(Self.items.first))
        let plain = try GoldenRun(golden, isLoRA: true, adapter: AdapterSettings(rank: 2, alpha: 2), device: CPUDevice())
        #expect(!plain.model.adapters.contains { $0.module.isExpert })
        #expect(plain.model.adapters.contains { $0.module.shortName == "o_proj" })
        let experts = plain.model.linearModules.filter(\.isExpert)
        var single = AdapterSettings(rank: 2, alpha: 2)
        single.targets = .names([try #require(experts.first).name])
        #expect(throws: ModelError.self) { try GoldenRun(golden, isLoRA: true, adapter: single, device: CPUDevice()) }
        var copied = AdapterSettings(rank: 2, alpha: 2)
        copied.savedModules = [try #require(experts.last).name]
        #expect(throws: ModelError.self) { try GoldenRun(golden, isLoRA: true, adapter: copied, device: CPUDevice()) }
    }

    // MARK: Experts of few bits

    @Test(arguments: [(BaseWeights.q8, 0.02), (.nf4, 0.3)]) func quantisedExpertsAreNearTheWholeOnes(form: (BaseWeights, Double)) throws {
        for item in Self.items {
            let golden = try GoldenModel(item)
            let whole = try Self.adapted(golden, CPUDevice())
            let wanted = try whole.session.addGradients(of: whole.batch, batchWeight: whole.batch.weight, seed: 0, step: 1, microBatch: 0)
            for device in try Self.devices() {
                var settings = AdapterSettings(rank: 3, alpha: 6)
                settings.targets = .names(Self.expertNames(item) + ["q_proj"])
                let run = try GoldenRun(golden, isLoRA: true, adapter: settings, device: device, baseWeights: form.0)
                for adapter in run.model.adapters {
                    for key in [adapter.keyOfA, adapter.keyOfB] {
                        try run.model.write(whole.model.read(key, whole.session.persistent), key, run.session.persistent)
                    }
                }
                let found = try run.session.addGradients(of: run.batch, batchWeight: run.batch.weight, seed: 0, step: 1, microBatch: 0)
                let difference = abs(found.meanLoss - wanted.meanLoss)
                #expect(difference > 0 && difference < form.1, "\(item) \(form.0) on \(device.name) is off by \(difference)")
            }
        }
    }
}
