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

/// A folder of `adapters`: an adapter as PEFT saved it, and what PEFT computed from there.
struct GoldenAdapter {
    /// Which one, as the argument of a test.
    struct Item: Sendable, CustomStringConvertible {
        var set: ReferenceSet
        var name: String
        /// The name of its base model.
        var base: String

        var description: String { "\(set.rawValue)/\(name)" }
    }
    let item: Item
    let base: GoldenModel
    let tensors: [String: StoredTensor]
    let figures: JSONNode

    var name: String { item.name }
    var path: String { item.set.path("adapters/" + item.name) }

    private static let own =
        ["patterns", "bias", "modules", "embedding", "dora", "pissa", "olora"].map {
            Item(set: .own, name: "starcoder2-tiny-" + $0, base: "starcoder2-tiny")
        } + [Item(set: .own, name: "gpt2-narrow-tiny-dora", base: "gpt2-narrow-tiny")]
    private static let shared = [
        ("phi3-tiny-rslora", "phi3-tiny"), ("phi3-tiny-rank-pattern", "phi3-tiny"), ("phi3-tiny-layers", "phi3-tiny"),
        ("qwen2-tiny-bias-all", "qwen2-tiny"), ("qwen2-tiny-bias-lora-only", "qwen2-tiny"),
        ("phi3-window-tiny-modules-to-save", "phi3-window-tiny"), ("phi3-tiny-dora", "phi3-tiny"),
    ].map { Item(set: .shared, name: $0, base: $1) }

    /// Those that scripts/check-models has drawn.
    private static let drawn = ReferenceItem.all("adapters").compactMap { item -> Item? in
        guard let figures = try? item.json("golden.json"), figures["drawn"]?.bool == true, let base = figures["base"]?.string else {
            return nil
        }
        return Item(set: item.set, name: item.name, base: String(base.split(separator: "/").last ?? ""))
    }

    /// Those of every set that is there.
    static let all = drawn.isEmpty ? (own + shared).filter { ReferenceSet.available.contains($0.set) } : drawn

    init(_ item: Item) throws {
        self.item = item
        base = try GoldenModel(ReferenceItem(item.set, "models", item.base))
        let folder = item.set.path("adapters/" + item.name)
        tensors = Dictionary(try SafetensorsFile(path: folder + "/golden.safetensors").tensors.map { ($0.name, $0) }) { first, _ in first }
        figures = try item.set.json("adapters/\(item.name)/golden.json")
    }

    init(_ name: String, _ base: String) throws { try self.init(Item(set: .shared, name: name, base: base)) }

    /// The adapter as its folder says it.
    func settings() throws -> AdapterSettings {
        try AdapterFolder(path).settings(on: LanguageModel.linearModules(of: base.configuration))
    }

    private func tensor(_ kind: String, _ key: String) -> [Float]? {
        let name = key.hasPrefix("base_model.model.") ? String(key.dropFirst("base_model.model.".count)) : key
        let short = name.hasSuffix(".weight") ? String(name.dropLast(".weight".count)) : name
        return (tensors["\(kind).\(name)"] ?? tensors["\(kind).\(short)"])?.floats()
    }

    /// Logits, loss, gradient norm, every gradient and every parameter over five steps of AdamW,
    /// within the tolerances of the reference data's README.
    func compare(_ run: GoldenRun, _ label: String) throws {
        let losses = figures["loss_per_step"]?.array?.compactMap(\.double) ?? []
        let norms = figures["grad_norm_per_step_before_clip"]?.array?.compactMap(\.double) ?? []
        #expect(losses.count == 5 && norms.count == 5)
        #expect(try LogitsTests.compare(base, run, tensors, "logits", label) > 0)
        let trained = figures["trained"]?.object?.count ?? 0
        #expect(run.model.trainables.parameters.count == trained, "\(label): \(trained) tensors are trained there")
        for step in 1...5 {
            let sum = try run.session.addGradients(of: run.batch, batchWeight: run.batch.weight, seed: 0, step: step, microBatch: 0)
            #expect(
                abs(sum.meanLoss - losses[step - 1]) < base.lossBound, "\(label) step \(step): loss \(sum.meanLoss), \(losses[step - 1])")
            if step == 1 {
                for parameter in run.model.trainables.parameters {
                    guard let tensor = run.model.trainables.tensor(of: parameter.key, .gradient),
                        let reference = self.tensor("grad", parameter.key)
                    else {
                        Issue.record("\(label): no reference gradient of \(parameter.key)")
                        continue
                    }
                    let found = parameter.stored(try run.model.read(tensor.key, run.session.persistent))
                    let largest = reference.map(abs).max() ?? 0
                    let error = zip(found, reference).map { abs($0 - $1) }.max() ?? .infinity
                    #expect(
                        found.count == reference.count && error <= 1e-4 * max(largest, 1e-6) + base.rounding(norms[0]),
                        "\(label): gradient of \(parameter.key) off by \(error) of \(largest)")
                }
            }
            let norm = try run.session.update(learningRate: 1e-3, step: step)
            #expect(abs(norm - norms[step - 1]) < 1e-4 * norms[step - 1], "\(label) step \(step): norm \(norm), \(norms[step - 1])")
        }
        let after = try run.session.evaluate(run.batch).meanLoss
        #expect(abs(after - (figures["loss_after_steps"]?.double ?? 0)) < 1e-4, "\(label): \(after)")
        for parameter in run.model.trainables.parameters {
            let reference = try #require(self.tensor("after5", parameter.key), "\(parameter.key)")
            let found = parameter.stored(try run.model.read(parameter.key, run.session.persistent))
            let errors = zip(found, reference).map { abs($0 - $1) }
            // An entry with a gradient near zero may go another way: that of the bias of a key is
            // zero but for rounding.
            let far = errors.filter { $0 > (parameter.key.hasSuffix("k_proj.bias") ? 5e-4 : 5e-5) }.count
            #expect(
                found.count == reference.count && far <= base.strays(errors.count, usual: 1) && (errors.max() ?? 0) <= 5e-3,
                "\(label): \(far) of \(errors.count) entries of \(parameter.key) are off by more than 5e-5")
        }
    }
}

/// Adapters that PEFT has saved, continued: its numbers are `adapters` of the reference sets.
@Suite(.serialized) struct AdapterParityTests {
    private static let hasShared = ReferenceSet.available.contains(.shared)

    @Test(arguments: GoldenAdapter.all) func anAdapterOfPEFTIsContinuedAsPEFTDoes(item: GoldenAdapter.Item) throws {
        let golden = try GoldenAdapter(item)
        let run = try GoldenRun(golden.base, isLoRA: true, adapter: golden.settings(), device: CPUDevice())
        try golden.compare(run, "\(item) CPU")
    }

    /// What a manifest says by the same words is the same.
    @Test(.enabled(if: hasShared, "the larger reference set is absent")) func patternsAndLayersOfAManifestAreThoseOfPEFT() throws {
        let golden = try GoldenAdapter("phi3-tiny-rank-pattern", "phi3-tiny")
        let linears = try LanguageModel.linearModules(of: golden.base.configuration)
        var settings = AdapterSettings(rank: 4, alpha: 8)
        settings.rankExceptions = [.init("o_proj", 2), .init("layers.1.mlp.down_proj", 6)]
        settings.alphaExceptions = [.init("o_proj", 16), .init("layers.2.self_attn.qkv_proj", 3)]
        try settings.requirePatterns(on: linears)
        #expect(try settings.modules(on: linears) == golden.settings().modules(on: linears))
        let other = try GoldenAdapter("phi3-tiny-layers", "phi3-tiny")
        var layers = AdapterSettings(rank: 4, alpha: 8)
        (layers.layers, layers.excluded) = ([0, 2], .names(["gate_up_proj"]))
        #expect(try layers.modules(on: linears) == other.settings().modules(on: linears))
    }

    @Test(.enabled(if: hasShared, "the larger reference set is absent")) func aPartOfTheBaseIsTrainedAndTakenAwayAsPEFTDoes() throws {
        try Self.comparePiSSA(CPUDevice(), "CPU")
    }

    /// The part that PiSSA takes out of the base, five steps of it, and the plain adapter that
    /// comes out.
    static func comparePiSSA(_ device: any ComputeDevice, _ label: String) throws {
        let golden = try GoldenAdapter("phi3-tiny-pissa", "phi3-tiny")
        let run = try GoldenRun(golden.base, isLoRA: true, adapter: golden.settings(), device: device)
        let (model, memory) = (run.model, run.session.persistent)
        for adapter in model.adapters {
            let name = adapter.module.name
            let a = try #require(golden.tensors["init.\(name).lora_A"]?.floats())
            let b = try #require(golden.tensors["init.\(name).lora_B"]?.floats())
            let wanted = product(b, a, adapter.rank)
            let found = try product(model.read(adapter.keyOfTwinB, memory), model.read(adapter.keyOfTwinA, memory), adapter.rank)
            let error = zip(wanted, found).map { abs($0 - $1) }.max() ?? .infinity
            #expect(wanted.count == found.count && error < 1e-5, "\(label) \(name): the part of the base is off by \(error)")
            // Signs of singular vectors are free: gradients are compared where PEFT began.
            for (key, numbers) in [
                (adapter.keyOfA, a), (adapter.keyOfB, b), (adapter.keyOfTwinA, a), (adapter.keyOfTwinB, b),
            ] { try model.write(numbers, key, memory) }
        }
        try golden.compare(run, "\(golden.name) \(label)")
        let plain = PlainAdapter(model) { try model.read($0, memory) }
        let converted = Dictionary(
            try SafetensorsFile(path: golden.path + "/converted/adapter_model.safetensors").tensors.map { ($0.name, $0.floats()) }
        ) { first, _ in first }
        for adapter in plain.modules {
            let wanted = try product(#require(converted[adapter.keyOfB]), #require(converted[adapter.keyOfA]), adapter.rank)
            let found = try product(plain.numbers(adapter.keyOfB), plain.numbers(adapter.keyOfA), adapter.rank)
            let error = zip(wanted, found).map { abs($0 - $1) }.max() ?? .infinity
            #expect(wanted.count == found.count && error < 1e-4, "\(label) \(adapter.module.name): converted, off by \(error)")
        }
    }

    /// `b a`, of matrices of this rank.
    private static func product(_ b: [Float], _ a: [Float], _ rank: Int) -> [Float] {
        let columns = a.count / rank
        return (0..<b.count / rank).flatMap { row in
            (0..<columns).map { column in (0..<rank).reduce(Float(0)) { $0 + b[row * rank + $1] * a[$1 * columns + column] } }
        }
    }

    /// A beginning that is drawn cannot be made again from the base.
    @Test func aBeginningThatCannotBeMadeAgainIsRefusedByItsName() throws {
        let node: JSONNode = [
            "peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["qkv_proj"], "init_lora_weights": "pissa_niter_4",
        ]
        let folder = NSTemporaryDirectory() + "tala-beginning-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(JSONWriter().string(node).utf8).write(to: URL(fileURLWithPath: folder + "/adapter_config.json"))
        #expect { try AdapterFolder(folder) } throws: { "\($0)".contains("adapter_config.json: init_lora_weights: is pissa_niter_4") }
    }
}
