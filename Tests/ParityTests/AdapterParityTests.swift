import CPUBackend
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
    let name: String
    let base: GoldenModel
    let tensors: [String: StoredTensor]
    let figures: JSONNode

    var path: String { ReferenceSet.shared.path("adapters/" + name) }

    /// Each with its base model.
    static let all = [
        ("phi3-tiny-rslora", "phi3-tiny"), ("phi3-tiny-rank-pattern", "phi3-tiny"), ("phi3-tiny-layers", "phi3-tiny"),
    ]

    init(_ name: String, _ base: String) throws {
        self.name = name
        self.base = try GoldenModel(ReferenceItem(.shared, "models", base))
        let folder = ReferenceSet.shared.path("adapters/" + name)
        tensors = Dictionary(try SafetensorsFile(path: folder + "/golden.safetensors").tensors.map { ($0.name, $0) }) { first, _ in first }
        figures = try ReferenceSet.shared.json("adapters/\(name)/golden.json")
    }

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
            #expect(abs(sum.meanLoss - losses[step - 1]) < 1e-5, "\(label) step \(step): loss \(sum.meanLoss), \(losses[step - 1])")
            if step == 1 {
                for parameter in run.model.trainables.parameters {
                    guard let tensor = run.model.trainables.tensor(of: parameter.key, .gradient),
                        let reference = self.tensor("grad", parameter.key)
                    else {
                        Issue.record("\(label): no reference gradient of \(parameter.key)")
                        continue
                    }
                    let found = try run.model.read(tensor.key, run.session.persistent)
                    let largest = reference.map(abs).max() ?? 0
                    let error = zip(found, reference).map { abs($0 - $1) }.max() ?? .infinity
                    #expect(
                        found.count == reference.count && error <= 1e-4 * max(largest, 1e-6),
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
            let found = try run.model.read(parameter.key, run.session.persistent)
            let errors = zip(found, reference).map { abs($0 - $1) }
            // An entry with a gradient near zero may go another way: that of the bias of a key is
            // zero but for rounding.
            let far = errors.filter { $0 > (parameter.key.hasSuffix("k_proj.bias") ? 5e-4 : 5e-5) }.count
            #expect(
                found.count == reference.count && far <= max(1, errors.count / 1000) && (errors.max() ?? 0) <= 5e-3,
                "\(label): \(far) of \(errors.count) entries of \(parameter.key) are off by more than 5e-5")
        }
    }
}

/// Adapters that PEFT has saved, continued: its numbers are `golden/adapters`.
@Suite(.serialized, .enabled(if: ReferenceSet.available.contains(.shared), "the larger reference set is absent")) struct AdapterParityTests
{
    @Test(arguments: GoldenAdapter.all) func anAdapterOfPEFTIsContinuedAsPEFTDoes(name: String, base: String) throws {
        let golden = try GoldenAdapter(name, base)
        let run = try GoldenRun(golden.base, isLoRA: true, adapter: golden.settings(), device: CPUDevice())
        try golden.compare(run, "\(name) CPU")
    }

    /// What a manifest says by the same words is the same.
    @Test func patternsAndLayersOfAManifestAreThoseOfPEFT() throws {
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

    /// What would make another function of the base model than low-rank matrices do is refused by
    /// the name of its key.
    @Test(arguments: [
        ("phi3-tiny", "phi3-tiny-dora", "use_dora"), ("phi3-tiny", "phi3-tiny-pissa", "init_lora_weights"),
        ("qwen2-tiny", "qwen2-tiny-bias-all", "bias"), ("qwen2-tiny", "qwen2-tiny-bias-lora-only", "bias"),
        ("phi3-window-tiny", "phi3-window-tiny-modules-to-save", "modules_to_save"),
    ])
    func anAdapterThatIsMoreThanMatricesIsRefusedByTheNameOfItsKey(base: String, name: String, key: String) throws {
        let linears = try LanguageModel.linearModules(of: GoldenModel(ReferenceItem(.shared, "models", base)).configuration)
        #expect {
            try AdapterFolder(ReferenceSet.shared.path("adapters/" + name)).settings(on: linears)
        } throws: { "\($0)".contains("adapter_config.json: \(key): ") }
    }
}
