import CPUBackend
import Foundation
import Graph
import JSON
import Manifest
import Models
import Tensors
import TestSupport
import Testing
import Training

@Suite(.serialized) struct ModelParityTests {
    /// Loss, gradient norm, every gradient and every parameter over five AdamW steps, within the
    /// tolerances of the reference data's README.
    static func compare(_ golden: GoldenModel, _ run: GoldenRun, isLoRA: Bool, _ label: String) throws {
        let kind = isLoRA ? "lora" : "full"
        let losses = golden.figure(kind, "loss_per_step")?.array?.compactMap(\.double) ?? []
        let norms = golden.figure(kind, "grad_norm_per_step_before_clip")?.array?.compactMap(\.double) ?? []
        #expect(losses.count == 5)
        for step in 1...5 {
            let sum = try run.session.addGradients(of: run.batch, batchWeight: run.batch.weight, seed: 0, step: step, microBatch: 0)
            #expect(
                abs(sum.meanLoss - losses[step - 1]) < golden.lossBound,
                "\(label) step \(step): loss \(sum.meanLoss), reference \(losses[step - 1])")
            if step == 1 {
                for parameter in run.model.trainables.parameters {
                    guard let tensor = run.model.trainables.tensor(of: parameter.key, .gradient) else { continue }
                    guard let reference = golden.tensors["\(kind).grad.\(run.goldenName(parameter.key))"]?.floats() else {
                        Issue.record("\(label): no reference gradient of \(parameter.key)")
                        continue
                    }
                    let found = try run.model.read(tensor.key, run.session.persistent)
                    let largest = reference.map(abs).max() ?? 0
                    let error = zip(found, reference).map { abs($0 - $1) }.max() ?? .infinity
                    #expect(
                        found.count == reference.count && error <= 1e-4 * max(largest, 1e-6) + golden.rounding(norms[0]),
                        "\(label): gradient of \(parameter.key) off by \(error) of \(largest)")
                }
            }
            let norm = try run.session.update(learningRate: 1e-3, step: step)
            #expect(
                abs(norm - norms[step - 1]) < 1e-4 * norms[step - 1],
                "\(label) step \(step): gradient norm \(norm), reference \(norms[step - 1])")
        }
        let after = try run.session.evaluate(run.batch).meanLoss
        let reference = golden.figure(kind, "loss_after_steps")?.double ?? 0
        #expect(abs(after - reference) < 1e-4, "\(label): loss after five steps \(after), reference \(reference)")
        for parameter in run.model.trainables.parameters {
            guard let reference = golden.tensors["\(kind).after5.\(run.goldenName(parameter.key))"]?.floats() else { continue }
            let found = try run.model.read(parameter.key, run.session.persistent)
            let errors = zip(found, reference).enumerated().filter { !golden.isUnturnedKeyBias(parameter.key, $0.offset) }
                .map { abs($0.element.0 - $0.element.1) }
            if isLoRA {
                // An entry with a gradient near zero may go another way.
                let far = errors.filter { $0 > 5e-5 }.count
                #expect(
                    far <= golden.strays(errors.count, usual: 1) && (errors.max() ?? 0) <= 5e-3,
                    "\(label): \(far) of \(errors.count) entries of \(parameter.key) are off by more than 5e-5")
            } else {
                #expect((errors.max() ?? 0) <= 5e-3, "\(label): \(parameter.key) after five steps off by \(errors.max() ?? 0)")
                let far = errors.filter { $0 > 2e-5 }.count
                #expect(
                    far <= golden.strays(errors.count, usual: 2),
                    "\(label): \(far) of \(errors.count) entries of \(parameter.key) are off by more than 2e-5")
            }
        }
    }

    @Test(arguments: GoldenModel.all, [true, false])
    func fiveStepsOnTheProcessorAgreeWithTheReference(item: ReferenceItem, isLoRA: Bool) throws {
        let golden = try GoldenModel(item)
        let run = try GoldenRun(golden, isLoRA: isLoRA, device: CPUDevice())
        try Self.compare(golden, run, isLoRA: isLoRA, "\(item) \(isLoRA ? "LoRA" : "full") CPU")
    }

    @Test(arguments: GoldenModel.all) func aLayerComputedTwiceAndLogitsInSmallChunksChangeNothing(item: ReferenceItem) throws {
        let golden = try GoldenModel(item)
        for isLoRA in [true, false] {
            let run = try GoldenRun(golden, isLoRA: isLoRA, device: CPUDevice(), recomputes: true, logitsByteLimit: 16 << 10)
            try Self.compare(golden, run, isLoRA: isLoRA, "\(item) recomputed")
        }
    }

    /// Ranges so small that fused projections, their activations and the embedding lie in pieces.
    @Test(arguments: GoldenModel.all, [72 << 10, 32 << 10]) func tensorsCutByRowsGiveTheSame(item: ReferenceItem, rangeBytes: Int) throws {
        let golden = try GoldenModel(item)
        let limits = MemoryLimits(maximumBlockBytes: 256 << 10, maximumTensorBytes: rangeBytes, alignment: 256)
        if item.name == "mistral-tiny", rangeBytes == 32 << 10 {
            // Its queries alone are 48 KiB, and the gradients of attention need them whole.
            do {
                _ = try GoldenRun(golden, isLoRA: true, device: CPUDevice(limits: limits), logitsByteLimit: 16 << 10)
                Issue.record("a tensor that is larger than a range was taken")
            } catch let error as GraphError {
                let text = "\(error)"
                #expect(text.contains("49152") && text.contains("32768") && text.contains("AttentionBackward"), "\(text)")
            }
            return
        }
        for isLoRA in [true, false] {
            let run = try GoldenRun(golden, isLoRA: isLoRA, device: CPUDevice(limits: limits), logitsByteLimit: 16 << 10)
            #expect(run.session.persistent.layout.blocks.allSatisfy { $0.byteCount <= limits.maximumBlockBytes })
            try Self.compare(golden, run, isLoRA: isLoRA, "\(item) cut")
        }
    }

    @Test(arguments: GoldenModel.all) func thePlansArenaIsWhatTheSessionAllocates(item: ReferenceItem) throws {
        let golden = try GoldenModel(item)
        let run = try GoldenRun(golden, isLoRA: true, device: CPUDevice())
        let planner = MemoryPlanner(device: run.session.device, optimizer: AdamWOptimizer(), byteLimit: nil)
        let plan = try planner.plan(
            run.model, .init(tokenCount: run.batch.tokenCapacity, recomputedLayers: 0, baseWeights: .stored),
            trainedCount: run.batch.trainedCapacity)
        #expect(plan.arenaBytes == run.session.arenaByteCount)
        #expect(plan.persistentBytes == run.session.persistent.layout.allocatedByteCount)
    }

    /// The text of each family's plan, kept beside the tests: a change that should change nothing
    /// shows nothing. TALA_RECORD=1 writes it anew.
    @Test(arguments: GoldenModel.all) func thePlanIsTheOneThatWasRecorded(item: ReferenceItem) throws {
        let golden = try GoldenModel(item)
        let model = try LanguageModel(
            golden.configuration, source: .checkpoint(golden.checkpoint), training: .adapter(golden.adapter, seed: 1),
            maximumLength: 64)
        let programs = Programs(model: model, optimizer: AdamWOptimizer())
        let limits = MemoryLimits(maximumBlockBytes: 1 << 30, maximumTensorBytes: 1 << 27, alignment: 64)
        let layout = try programs.layout(within: limits)
        let text = try Planner(limits: limits, layout: layout).plan(programs.gradients(ProgramSize(tokenCount: 64, trainedCount: 64)))
            .description
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Plans/\(item.name).txt"
        if ProcessInfo.processInfo.environment["TALA_RECORD"] != nil { try text.write(toFile: path, atomically: true, encoding: .utf8) }
        let recorded = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text == recorded, "the plan of \(item) has changed; TALA_RECORD=1 records it")
    }
}
