package import Datasets
import Devices
package import Graph
package import Manifest
package import Models
import Storage
import Templates
package import Tensors
package import Tokenization
import Ranks
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
    /// By what the run is judged, where the manifest wants it judged.
    package var selection: Selection?
    /// What the model is asked and who judges its answers, where the manifest wants that.
    package var examination: Examination?
    package var optimizer: any Optimizer
    package var objective: any Objective
    package var plan: JobPlan
    private let planner: MemoryPlanner
    package let changedTexts: ChangedTexts
    package var device: any ComputeDevice
    /// Why the processor stands in for a graphics processor that is there; nil where it does not.
    package var deviceReplacement: String?
    /// The element type of activations.
    package var precision: String
    /// What is allowed and probably not meant.
    package var warnings: [JobWarning]

    /// Reads data and model and decides what the manifest leaves open.
    /// - Parameter day: a moment (seconds since 1970) of the day that a template sees when it asks
    ///   for the date: of the job's acceptance, so that a job that goes on another day sees the
    ///   same; nil is today.
    /// - Parameter teacherPath: the model from which it learns, where the method wants one.
    /// - Parameter known: the data, where it has been read elsewhere.
    /// - Parameters:
    ///   - rank: of this process among those that train together.
    ///   - processes: how many these are.
    /// - Throws: what is wrong with model, data or plan.
    package init(
        manifest: Manifest, modelFolder: String, trainingPath: String, validationPath: String?, initialAdapterPath: String?,
        digests: InputDigests = InputDigests(), deviceSelector: String? = nil, memoryLimit: Int? = nil, cache: DatasetCache? = nil,
        readingProgress: ((DatasetProgress) throws -> Void)? = nil, keeping kept: JobPlan.Choice? = nil,
        day: Int? = nil, teacherPath: String? = nil, data known: PreparedData? = nil, rank: Int = 0, of processes: Int = 1,
        progress: (String) -> Void = { _ in }
    ) throws {
        var manifest = manifest
        let opened = try OpenedModel(
            path: modelFolder, adding: manifest.addedTokens, for: initialAdapterPath.map { try AdapterFolder($0) })
        let configuration = opened.configuration
        self.modelFolder = opened.folder
        remarks = opened.remarks
        let source = try Self.source(of: opened, manifest, &remarks)
        var encoder = try ChatEncoder(TokenizerTexts(opened.folder))
        if let day { encoder.clock = TemplateClock(dayOf: day) }
        self.encoder = encoder
        let hasMoreTokens = encoder.tokenizer.vocabularySize > configuration.vocabularySize
        if hasMoreTokens {
            remarks.append(
                "tokenizer.json has token ids up to \(encoder.tokenizer.vocabularySize - 1), config.json's vocab_size is "
                    + "\(configuration.vocabularySize): examples that hold one of the others are refused")
        }
        progress("reading data")
        let modelLabels = try ModelLabels(opened.folder)
        let data =
            try known
            ?? PreparedData(
                manifest, encoder: encoder, modelLabels: modelLabels?.names ?? [],
                modelVocabularySize: hasMoreTokens ? configuration.vocabularySize : nil,
                positionLimit: configuration.maximumPositions, modelFolder: modelFolder, trainingPath: trainingPath,
                validationPath: validationPath, digests: digests, cache: cache,
                progress: readingProgress)
        (training, validation, reports) = (data.training, data.validation, data.reports)
        objective = try Objectives.of(manifest.method).fitted(to: training, validation: validation, classes: data.classes)
        var head = objective.taskHead(seed: manifest.seed)
        // A head for other classes, though as many, means something else.
        if let modelLabels, modelLabels.names != data.classes { head?.isStored = false }
        let ends = head == nil ? TurnEnds.ids(in: training, tokenizer: encoder.tokenizer) : []
        let trainingKind = try Self.decideTraining(
            &manifest, from: initialAdapterPath, of: configuration, hasVocabularyHead: head == nil)
        var isUntied = opened.isUntied
        if head == nil, case .adapter(let adapter, _) = trainingKind,
            try adapter.unties(configuration, adapter.modules(on: LanguageModel.linearModules(of: configuration)))
        {
            isUntied = true
        }
        changedTexts = try ChangedTexts(
            of: opened.folder, isUntied: isUntied, turnEnds: ends,
            labels: head?.labels,
            padding: encoder.specialTokens.padding.flatMap { encoder.tokenizer.id(of: $0) })
        let newEnds = changedTexts.newEnds.map { "\(encoder.tokenizer.token(of: $0) ?? "") (\($0))" }.joined(separator: ", ")
        notes =
            newEnds.isEmpty
            ? []
            : [
                "Answers end with \(newEnds), at which the model does not stop yet: eos_token_id in generation_config.json of the result names it"
            ]
        if let note = (opened.folder as? GrownFolder)?.note { notes.append(note) }
        let (batchSize, totalSteps, rate) = Self.decideNumbers(&manifest, exampleCount: training.count)
        var replacement: String?
        let device = try Devices.make(deviceSelector ?? manifest.device) { replacement = $0 }
        deviceReplacement = replacement
        self.device = device
        let chosenPrecision = try Precisions.choose(manifest.precision, device, configuration)
        let activationType = Precisions.elementType(chosenPrecision)
        precision = activationType.rawValue
        manifest.precision = .value(chosenPrecision)
        let questions = try Self.questions(manifest, data, trainingPath: trainingPath, validationPath: validationPath, encoder)
        optimizer = try Optimizers.named(manifest.optimizer.word, numbers: manifest.optimizer.numbers)
        progress("reading the model")
        let longest = max(training.longestExample, validation?.longestExample ?? 0)
        let longestRun = max(training.longestRun(), validation?.longestRun() ?? 0)
        let mixable = Set([ElementType.bfloat16, .float16].filter { device.mixesFloat32(with: $0) })
        let (noise, ratio) = (manifest.method.specification.embeddingNoise, manifest.optimizer.adapterRateRatio)
        let decaysAll = manifest.optimizer.weightDecayOn == .all
        let pageByteLimit = optimizer.pageByteLimit(min(64 << 20, device.limits.maximumTensorBytes))
        let lanes = Lanes(manifest.ranks)
        func languageModel(_ format: BaseWeights, maximumLength: Int) throws -> LanguageModel {
            try LanguageModel(
                configuration, source: source, training: trainingKind,
                precision: .init(activationType: activationType, mixableTypes: mixable, baseWeights: format), maximumLength: maximumLength,
                head: head, decaysAll: decaysAll, embeddingNoise: noise, adapterRateRatio: ratio, pageByteLimit: pageByteLimit,
                laneCount: lanes.count)
        }
        progress("planning")
        let byteLimit = memoryLimit ?? manifest.memoryLimit ?? Self.usableBytes(device)
        let answers = try questions.map {
            try AnswersBeside($0, manifest.evaluation, device, Self.formats(manifest), byteLimit: byteLimit, languageModel)
        }
        var teacher: TeacherModel?
        if let method = manifest.method.specification as? Manifest.Distillation {
            progress("reading the teacher")
            guard let teacherPath else { throw PreparationError.noWeights(method.teacher) }
            let found = try Self.teacher(
                teacherPath, student: encoder.tokenizer,
                precision: .init(activationType: activationType, mixableTypes: mixable, baseWeights: method.teacherWeights.format),
                longest: longestRun)
            objective = (objective as? DistillationObjective)?.guided(by: found.head) ?? objective
            teacher = found
        }
        let batchTokens = lanes.tokens(ofFullest: training.lengths.tokens(ofLongest: batchSize), longest: longest)
        // What the process holds by now it will hold beside the plan: its code, the tokenizer, the
        // data's lengths. The tokens that were looked at are still mapped and need not stay so.
        training.evict()
        validation?.evict()
        var planner = MemoryPlanner(
            device: device, optimizer: optimizer, objective: objective,
            byteLimit: byteLimit.map { $0 - (answers?.byteCount ?? 0) },
            programBytes: device.sharesProcessMemory ? ProcessMemory.residentBytes : 0,
            programCount: Self.programCount(training, objective, batchSize: batchSize, steps: totalSteps))
        (planner.lanes, planner.teacher) = (lanes, teacher)
        (planner.rank, planner.processes, planner.dividesState) = (rank, processes, manifest.adapter.kind == .full)
        self.planner = planner
        (model, plan) = try planner.choose(
            Self.formats(manifest), batchTokens: batchTokens, longestExample: longest, keeping: kept
        ) { try languageModel($0, maximumLength: longestRun) }
        if let remark = model.widenedRemark { remarks.append(remark) }
        if initialAdapterPath == nil { try Self.requireBiases(manifest.adapter.lora, model) }
        if manifest.adapter.kind == .lora { manifest.baseWeights = .value(plan.baseWeights) }
        settings = Self.settings(manifest, batchSize, totalSteps, rate, microBatchTokens: plan.size.tokenCount)
        let endIDs = Set(encoder.specialTokens.stopIDs + changedTexts.newEnds)
        examination = try answers?.examination(seed: manifest.seed, encoder.tokenizer, endIDs, plan.baseWeights, languageModel)
        selection = try Selection(
            manifest.evaluation, of: objective, hasValidation: validation != nil, gradeColumns: manifest.evaluation.gradeColumns)
        settings.evaluatesAll = selection != nil
        self.manifest = manifest
        warnings = try Self.warnings(manifest, settings, training, reports, replacement: replacement)
        try checkResultFormats()
    }

    /// - Throws: ``TrainingError/doesNotFit(needed:available:advice:)`` where more processes are
    ///   needed to hold the job.
    package func requireRoom(in processes: Int) throws(TrainingError) {
        guard plan.leastProcesses > processes else { return }
        throw .doesNotFit(
            needed: plan.peakBytes, available: planner.byteLimit ?? 0,
            advice: "\(plan.leastProcesses) devices or hosts, each with a part of the optimizer's state, can hold it: give the daemon "
                + "as many, or raise memory_limit")
    }

    /// The session that this process trains in.
    package func makeSession() throws -> TrainingSession {
        try planner.makeSession(model, plan)
    }

    /// Bytes that the job may take beyond its plan; nil where nothing limits it.
    package var spareBytes: Int? { planner.byteLimit.map { max(0, $0 - plan.peakBytes) } }

    /// What the weights are before training: `checkpoint` or `random`.
    package var initialWeights: String {
        if case .random = model.source { "random" } else { "checkpoint" }
    }
    /// The plan of forward and backward pass of a full micro-batch.
    func gradientsPlan() throws -> Plan { try planner.gradientsPlan(model, plan) }
    /// That of its teacher's; nil where there is none.
    func teacherPlan() throws -> Plan? { try planner.teacher.map { try $0.plan(plan.size, on: device) } }

    /// Trained tokens of the whole run.
    package var totalTrainedTokens: Int {
        let steps = max(1, TrainingRun.stepsPerEpoch(examples: training.count, batchSize: settings.batchSize))
        return Int(Double(training.trainedTokenCount) * Double(settings.totalSteps) / Double(steps))
    }
}
