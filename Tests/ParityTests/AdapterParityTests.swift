import CPUBackend
import JSON
import Models
import TestSupport
import Testing
import Training

/// Adapters that PEFT has saved, continued: its numbers are `golden/adapters`.
@Suite(.serialized, .enabled(if: ReferenceSet.available.contains(.shared), "the larger reference set is absent")) struct AdapterParityTests
{
    @Test(arguments: ["phi3-tiny-rslora", "phi3-tiny-rank-pattern", "phi3-tiny-layers"])
    func anAdapterOfPEFTIsContinuedWithItsOwnScalesRanksAndModules(name: String) throws {
        let golden = try GoldenModel(ReferenceItem(.shared, "models", "phi3-tiny"))
        let linears = try LanguageModel.linearModules(of: golden.configuration)
        let settings = try AdapterFolder(ReferenceSet.shared.path("adapters/" + name)).settings(on: linears)
        let run = try GoldenRun(golden, isLoRA: true, adapter: settings, device: CPUDevice())
        let figures = try ReferenceSet.shared.json("adapters/\(name)/golden.json")
        let losses = figures["loss_per_step"]?.array?.compactMap(\.double) ?? []
        #expect(losses.count == 5)
        for (index, loss) in losses.enumerated() {
            let sum = try run.session.addGradients(
                of: run.batch, batchWeight: run.batch.weight, seed: 0, step: index + 1, microBatch: 0)
            #expect(abs(sum.meanLoss - loss) < 1e-5, "\(name) step \(index + 1): loss \(sum.meanLoss), reference \(loss)")
            _ = try run.session.update(learningRate: 1e-3, step: index + 1)
        }
        let after = try run.session.evaluate(run.batch).meanLoss
        #expect(abs(after - (figures["loss_after_steps"]?.double ?? 0)) < 1e-4)
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
