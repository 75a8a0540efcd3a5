package import Datasets
import Devices
package import Graph
package import Manifest
package import Models
import Storage
import Templates
package import Tensors
package import Tokenization
package import Training

/// A job with everything decided: data read, numbers chosen, model built, memory planned.
package struct PreparedJob {
    package var manifest: Manifest
    package var model: LanguageModel
    package var encoder: ChatEncoder
    package var modelFolder: any ModelFolder
    /// What the job's owner should know of the model, a sentence each.
    package var remarks: [String]
    /// What is done for it that it may not expect, a sentence each.
    package var notes: [String]
    package var training: Dataset
    package var validation: Dataset?
    package var reports: [ValidationReport]
    package var settings: RunSettings
    package var optimizer: any Optimizer
    package var objective: any Objective
    package var plan: JobPlan
    private let planner: MemoryPlanner
    package let changedTexts: ChangedTexts
    package var device: any ComputeDevice
    /// The element type of activations.
    package var precision: String

    /// The rate that a multiplier multiplies, and that `auto` takes: a tenth of it is gentle, five times it is rough.
    package static func baseRate(_ manifest: Manifest) -> Double {
        switch (manifest.method, manifest.adapter.kind) {
        case (.pretrain, _): 1e-3
        case (_, .lora): 2e-4
        case (_, .full): 2e-5
        }
    }

    /// Reads data and model and decides what the manifest leaves open.
    /// - Parameter day: a moment (seconds since 1970) of the day that a template sees when it asks for the date: of the job's acceptance, so that a job
    ///   that goes on another day sees the same; nil is today.
    /// - Throws: what is wrong with model, data or plan.
    package init(
        manifest: Manifest, modelFolder: String, trainingPath: String, validationPath: String?, initialAdapterPath: String?,
        digests: InputDigests = InputDigests(), deviceSelector: String? = nil, memoryLimit: Int? = nil, cache: DatasetCache? = nil,
        readingProgress: ((DatasetProgress) throws -> Void)? = nil, keeping kept: JobPlan.Choice? = nil,
        day: Int? = nil, progress: (String) -> Void = { _ in }
    ) throws {
        var manifest = manifest
        let opened = try OpenedModel(path: modelFolder)
        let configuration = opened.configuration
        self.modelFolder = opened.folder
        remarks = opened.remarks
        let source: LanguageModel.Source
        if let weights = opened.weights {
            source = .checkpoint(weights)
        } else {
            guard manifest.method == .pretrain else { throw PreparationError.noWeights(modelFolder) }
            source = .random(seed: manifest.seed)
            remarks.append("The model's folder holds no weights: training starts from random numbers (seed \(manifest.seed))")
        }
        var encoder = try ChatEncoder(folder: modelFolder)
        if let day { encoder.clock = TemplateClock(dayOf: day) }
        self.encoder = encoder
        let hasMoreTokens = encoder.tokenizer.vocabularySize > configuration.vocabularySize
        if hasMoreTokens {
            remarks.append(
                "tokenizer.json has token ids up to \(encoder.tokenizer.vocabularySize - 1), config.json's vocab_size is "
                    + "\(configuration.vocabularySize): examples that hold one of the others are refused")
        }
        progress("reading data")
        let data = try PreparedData(
            manifest, encoder: encoder, modelVocabularySize: hasMoreTokens ? configuration.vocabularySize : nil,
            modelFolder: modelFolder, trainingPath: trainingPath, validationPath: validationPath, digests: digests, cache: cache,
            progress: readingProgress)
        (training, validation, reports) = (data.training, data.validation, data.reports)
        let ends = TurnEnds.ids(in: training, tokenizer: encoder.tokenizer)
        changedTexts = try ChangedTexts(of: opened.folder, isUntied: opened.isUntied, turnEnds: ends)
        let newEnds = changedTexts.newEnds.map { "\(encoder.tokenizer.token(of: $0) ?? "") (\($0))" }.joined(separator: ", ")
        notes =
            newEnds.isEmpty
            ? [] : ["Answers end with \(newEnds), at which the model does not stop yet: eos_token_id in generation_config.json of the result names it"]
        // What "auto" becomes.
        let batchSize = manifest.batchSize.value ?? min(256, max(1, Int((0.002 * Double(training.count)).rounded())))
        manifest.batchSize = .value(batchSize)
        let perEpoch = TrainingRun.stepsPerEpoch(examples: training.count, batchSize: batchSize)
        let totalSteps: Int
        if let steps = manifest.maximumSteps {
            totalSteps = steps
        } else {
            let epochs = manifest.epochCount.value ?? 3
            manifest.epochCount = .value(epochs)
            totalSteps = epochs * perEpoch
        }
        let base = Self.baseRate(manifest)
        let rate: Double =
            switch manifest.learningRate {
            case .auto: base
            case .rate(let rate): rate
            case .multiplier(let multiplier): base * multiplier
            }
        manifest.learningRate = .rate(rate)
        let device = try Devices.make(deviceSelector ?? manifest.device)
        self.device = device
        let activationType = try Precisions.choose(manifest.precision, device, configuration)
        precision = activationType.rawValue
        manifest.precision = Manifest.Precision(rawValue: activationType.rawValue) ?? .float32
        var optimizer = AdamWOptimizer()
        optimizer.beta1 = manifest.optimizer.beta1
        optimizer.beta2 = manifest.optimizer.beta2
        optimizer.epsilon = manifest.optimizer.epsilon
        optimizer.weightDecay = manifest.optimizer.weightDecay
        optimizer.maximumGradientNorm = manifest.optimizer.maximumGradientNorm
        self.optimizer = optimizer
        objective = try Objectives.named(manifest.method.rawValue)
        progress("reading the model")
        let longest = max(training.longestExample, validation?.longestExample ?? 0)
        let mixable = Set([ElementType.bfloat16, .float16].filter { device.mixesFloat32(with: $0) })
        let trainingKind: LanguageModel.Training
        if manifest.adapter.kind == .lora {
            var settings = AdapterSettings(manifest.adapter)
            if let initialAdapterPath {
                settings = try Self.continued(initialAdapterPath, &manifest.adapter, of: configuration)
            }
            trainingKind = .adapter(settings, seed: manifest.seed)
        } else {
            trainingKind = .full
        }
        progress("planning")
        let batchTokens = training.lengths.tokens(ofLongest: batchSize)
        // What the process holds by now it will hold beside the plan: its code, the tokenizer, the data.
        planner = MemoryPlanner(
            device: device, optimizer: optimizer, objective: objective,
            byteLimit: memoryLimit ?? manifest.memoryLimit ?? Self.usableBytes(device),
            programBytes: device.sharesProcessMemory ? ProcessMemory.residentBytes : 0,
            programCount: Self.programCount(training, objective, batchSize: batchSize, steps: totalSteps))
        let decaysAll = manifest.optimizer.weightDecayOn == .all
        (model, plan) = try planner.choose(
            Self.formats(manifest), batchTokens: batchTokens, longestExample: longest, keeping: kept
        ) { format in
            try LanguageModel(
                configuration, source: source, training: trainingKind,
                precision: .init(activationType: activationType, mixableTypes: mixable, baseWeights: format), maximumLength: longest,
                decaysAll: decaysAll, pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        }
        if manifest.adapter.kind == .lora { manifest.baseWeights = Manifest.BaseWeights(rawValue: plan.baseWeights.rawValue) ?? .stored }
        settings = RunSettings(
            batchSize: batchSize, totalSteps: totalSteps,
            schedule: LearningRateSchedule(
                shape: LearningRateSchedule.Shape(rawValue: manifest.schedule.shape.rawValue) ?? .cosine, peakRate: rate,
                warmupSteps: manifest.schedule.warmupSteps,
                totalSteps: totalSteps),
            seed: manifest.seed, isShuffled: manifest.shuffle, evaluateEverySteps: manifest.evaluateEverySteps,
            checkpointEverySteps: manifest.checkpoint.everySteps,
            microBatchTokens: plan.size.tokenCount)
        self.manifest = manifest
    }

    /// Sizes of program that a run may need at most.
    private static func programCount(_ data: Dataset, _ objective: any Objective, batchSize: Int, steps: Int) -> Int {
        let sizes = Set(
            (0..<data.count).lazy.map { index in
                let size = data.size(of: index)
                return ProgramSize(serving: size.tokenCount, trained: objective.lossRowCount(of: size))
            })
        return sizes.count == 1 ? 1 : batchSize == 1 ? min(steps, sizes.count) : steps
    }

    /// What a job may hold where its manifest sets no limit: the device's memory, less a tenth for everybody else.
    private static func usableBytes(_ device: any ComputeDevice) -> Int? { device.memoryByteCount.map { $0 / 10 * 9 } }

    /// The formats that frozen weights may have, the most exact first.
    private static func formats(_ manifest: Manifest) -> [BaseWeights] {
        if manifest.adapter.kind == .full { return [.stored] }
        return BaseWeights(rawValue: manifest.baseWeights.rawValue).map { [$0] } ?? [.stored, .q8, .nf4]
    }

    /// The session that this job trains in.
    package func makeSession() throws -> TrainingSession {
        try planner.makeSession(model, plan)
    }

    /// What the weights are before training: `checkpoint` or `random`.
    package var initialWeights: String {
        if case .random = model.source { "random" } else { "checkpoint" }
    }
    /// The plan of forward and backward pass of a full micro-batch.
    func gradientsPlan() throws -> Plan { try planner.gradientsPlan(model, plan) }

    /// Trained tokens of the whole run.
    package var totalTrainedTokens: Int {
        let steps = max(1, TrainingRun.stepsPerEpoch(examples: training.count, batchSize: settings.batchSize))
        return Int(Double(training.trainedTokenCount) * Double(settings.totalSteps) / Double(steps))
    }
}
