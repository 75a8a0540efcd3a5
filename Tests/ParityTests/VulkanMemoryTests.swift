import Graph
import Manifest
import Models
import TestSupport
import Testing
import Training
import VulkanBackend

/// What a job allocates on a device, counted buffer by buffer, against what its plan says.
@Suite(.serialized, .enabled(if: SharedVulkanDevice.isThere, "there is no Vulkan device"))
struct VulkanMemoryTests {
    @Test(arguments: ["llama-tiny", "phi3-tiny"], [BaseWeights.stored, .nf4])
    func aStepAnUpdateAndAnEvaluationAllocateWhatWasPlanned(name: String, weights: BaseWeights) throws {
        let device = try VulkanDevice()
        let run = try GoldenRun(try GoldenModel(ReferenceItem(.own, "models", name)), isLoRA: true, device: device, baseWeights: weights)
        let plan = try MemoryPlanner(device: device, optimizer: AdamWOptimizer(), byteLimit: nil).plan(
            run.model, .init(tokenCount: run.batch.tokenCapacity, recomputedLayers: 0, baseWeights: weights),
            trainedCount: run.batch.trainedCapacity)
        _ = try run.session.addGradients(of: run.batch, batchWeight: run.batch.weight, seed: 0, step: 1, microBatch: 0)
        _ = try run.session.update(learningRate: 1e-3, step: 1)
        _ = try run.session.evaluate(run.batch)
        let ratio = Double(device.peakAllocatedByteCount) / Double(plan.peakBytes)
        #expect(abs(ratio - 1) <= 0.05, "\(device.peakAllocatedByteCount) bytes allocated, \(plan.peakBytes) planned")
    }
}
