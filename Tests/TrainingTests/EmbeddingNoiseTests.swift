import CPUBackend
import Datasets
import Models
import Tensors
import Testing
import Tokenization
import Training

/// Noise on embeddings (NEFTune): in training alone, the same for the same step.
@Suite struct EmbeddingNoiseTests {
    @Test func noiseIsDrawnByStepAndNotInEvaluation() throws {
        let folder = TinyRun.demo.model
        func session(_ noise: Double) throws -> TrainingSession {
            let model = try LanguageModel(
                ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)),
                training: .adapter(AdapterSettings(rank: 2, alpha: 4), seed: 1), maximumLength: 32, embeddingNoise: noise)
            return try TrainingSession(
                device: CPUDevice(), programs: Programs(model: model, optimizer: AdamWOptimizer()), largest: ProgramSize(roundingUp: 64, 64)
            )
        }
        let (calm, noisy) = (try session(0), try session(5))
        let sample = Sample(ids: [1, 5, 6, 7, 8, 9], isTrained: [false, true, true, true, true, true])
        let batch = PackedBatch(
            [sample, sample], tokenCapacity: 64, trainedCapacity: 64, window: nil, rotary: calm.programs.model.rotaryRows)
        func loss(_ session: TrainingSession, _ step: Int) throws -> Double {
            try session.addGradients(of: batch, batchWeight: batch.weight, seed: 3, step: step, microBatch: 0).meanLoss
        }
        let plain = try loss(calm, 1)
        #expect(try loss(noisy, 1) == loss(noisy, 1))
        #expect(try loss(noisy, 1) != loss(noisy, 2))
        #expect(try loss(noisy, 1) != plain && loss(calm, 2) == plain)
        #expect(try noisy.evaluate(batch).meanLoss == calm.evaluate(batch).meanLoss)
    }
}
