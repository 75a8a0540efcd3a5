import Datasets
import Graph
package import Manifest
import Models
import Ranks
import Tensors
import Training

/// What a manifest leaves open, decided one thing at a time. The manifest then says what was
/// decided.
extension PreparedJob {
    /// The rate that a multiplier multiplies, and that `auto` takes: a tenth of it is gentle, five
    /// times it is rough.
    package static func baseRate(_ manifest: Manifest) -> Double {
        manifest.method.baseRate(manifest.adapter.kind) * manifest.optimizer.rateFactor
    }

    /// The weights that training begins with.
    /// - Throws: ``PreparationError/noWeights(_:)`` where the folder has none and the method needs
    ///   them.
    static func source(of opened: OpenedModel, _ manifest: Manifest, _ remarks: inout [String]) throws -> LanguageModel.Source {
        if let weights = opened.weights { return .checkpoint(weights) }
        guard manifest.method.mayBeginAtRandom else { throw PreparationError.noWeights(opened.folder.path) }
        remarks.append("The model's folder holds no weights: training starts from random numbers (seed \(manifest.seed))")
        return .random(seed: manifest.seed)
    }

    /// Batch size, steps, steps of warm-up and learning rate.
    static func decideNumbers(_ manifest: inout Manifest, exampleCount: Int) -> (batchSize: Int, totalSteps: Int, rate: Double) {
        let batchSize = manifest.hyperparameters.batchSize.value ?? min(256, max(1, Int((0.002 * Double(exampleCount)).rounded())))
        manifest.hyperparameters.batchSize = .value(batchSize)
        let totalSteps: Int
        if let steps = manifest.hyperparameters.maximumSteps {
            totalSteps = steps
        } else {
            let epochs = manifest.hyperparameters.epochCount.value ?? 3
            manifest.hyperparameters.epochCount = .value(epochs)
            totalSteps = epochs * TrainingRun.stepsPerEpoch(examples: exampleCount, batchSize: batchSize)
        }
        manifest.schedule.warmupSteps = manifest.schedule.warmupSteps(of: totalSteps)
        manifest.schedule.warmupShare = nil
        let rate = manifest.hyperparameters.peakRate(base: baseRate(manifest))
        manifest.hyperparameters.learningRate = .value(rate)
        manifest.hyperparameters.learningRateMultiplier = .auto
        return (batchSize, totalSteps, rate)
    }

    /// Which weights are trained.
    /// - Parameters:
    ///   - folder: of the adapter that training goes on with, if there is one.
    ///   - hasVocabularyHead: whether the model has its head over the vocabulary.
    /// - Throws: ``ModelError``: that adapter cannot be used, or the manifest says something else.
    static func decideTraining(
        _ manifest: inout Manifest, from folder: String?, of configuration: ModelConfiguration, hasVocabularyHead: Bool = true
    ) throws -> LanguageModel.Training {
        switch manifest.adapter {
        case .lora(var lora):
            var settings = AdapterSettings(lora)
            if let folder {
                settings = try continued(folder, &lora, of: configuration)
            } else {
                let linears = try LanguageModel.linearModules(of: configuration)
                try settings.requirePatterns(on: linears)
                if !manifest.addedTokens.isEmpty {
                    if let embedding = try settings.modules(on: linears).first(where: \.module.isEmbedding) {
                        throw ModelError(
                            file: "manifest", field: "add_tokens",
                            "trains \(embedding.module.name) as a whole, which cannot have matrices too: leave it out of adapter.target_modules"
                        )
                    }
                    settings.saveVocabulary(of: configuration, hasVocabularyHead: hasVocabularyHead)
                    lora.savedModules = settings.savedModules
                }
            }
            manifest.adapter = .lora(lora)
            return .adapter(settings, seed: manifest.seed)
        case .full: return .full
        }
    }

    /// - Throws: ``ModelError`` where biases are to be trained and there are none.
    static func requireBiases(_ adapter: Manifest.LoRA?, _ model: LanguageModel) throws(ModelError) {
        guard let adapter, adapter.bias != .none, !model.copies.contains(where: { $0.name.hasSuffix(".bias") }) else { return }
        throw ModelError(
            file: "manifest", field: "adapter.bias", "is \(adapter.bias.rawValue), but the model has no such biases: leave it out")
    }

    /// The run, once all its numbers are known.
    static func settings(
        _ manifest: Manifest, _ batchSize: Int, _ totalSteps: Int, _ rate: Double, microBatchTokens: Int
    ) -> RunSettings {
        var settings = RunSettings(
            batchSize: batchSize, totalSteps: totalSteps,
            schedule: LearningRateSchedule(manifest.schedule, peakRate: rate, totalSteps: totalSteps),
            seed: manifest.seed, isShuffled: manifest.shuffle, evaluateEverySteps: manifest.evaluation.everySteps,
            checkpointEverySteps: manifest.checkpoint.everySteps, microBatchTokens: microBatchTokens)
        settings.lanes = Lanes(manifest.ranks)
        return settings
    }

    /// What is allowed and probably not meant.
    /// - Throws: ``PreparationError/strict(_:)`` where the manifest makes warnings errors and there
    ///   are some.
    static func warnings(
        _ manifest: Manifest, _ settings: RunSettings, _ training: Dataset, _ reports: [ValidationReport],
        replacement: String?
    ) throws -> [JobWarning] {
        var figures = JobFigures(
            manifest: manifest, schedule: settings.schedule, batchSize: settings.batchSize, exampleCount: training.count,
            tokenCount: training.tokenCount, trainedTokenCount: training.trainedTokenCount)
        for report in reports { figures.add(report) }
        var warnings = WarningRule.warnings(figures)
        if let replacement { warnings.append(.deviceReplaced(replacement)) }
        let strict = warnings + reports.flatMap { JobWarning.all(of: $0) }
        if manifest.isStrict, !strict.isEmpty { throw PreparationError.strict(strict) }
        return warnings
    }

    /// Sizes of program that a run may need at most.
    static func programCount(_ data: Dataset, _ objective: any Objective, batchSize: Int, steps: Int) -> Int {
        let sizes = Set(
            (0..<data.count).lazy.map { index in
                let size = data.size(of: index)
                return ProgramSize(serving: size.tokenCount, trained: objective.lossRowCount(of: size))
            })
        return sizes.count == 1 ? 1 : batchSize == 1 ? min(steps, sizes.count) : steps
    }

    /// What a job may hold where its manifest sets no limit: the device's memory, less a tenth for
    /// everybody else.
    static func usableBytes(_ device: any ComputeDevice) -> Int? { device.memoryByteCount.map { $0 / 10 * 9 } }

    /// The formats that frozen weights may have, the most exact first.
    static func formats(_ manifest: Manifest) -> [BaseWeights] {
        if manifest.adapter.kind == .full { return [.stored] }
        return manifest.baseWeights.value.map { [$0] } ?? [.stored, .q8, .nf4]
    }
}
