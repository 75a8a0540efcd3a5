package import Datasets
import Devices
package import Engine
import Grading
package import Graph
import JSON
package import Manifest
package import Models
import Templates
import Tensors
package import Tokenization
package import Training

/// A model that is to be judged, with the examples by which it is.
package struct PreparedEvaluation {
    package let manifest: Manifest
    package let method: Manifest.EvaluationMethod
    package let encoder: ChatEncoder
    package let data: Dataset
    /// What is asked, where there are graders; in the order of the file.
    package let questions: [Question]
    package let report: ValidationReport
    package let device: any ComputeDevice
    /// Why the processor stands in for a graphics processor that is there.
    package let deviceReplacement: String?
    package let objective: any Objective
    package let model: LanguageModel
    package let programs: Programs
    /// What the job's owner should know of the model, a sentence each.
    package let remarks: [String]
    /// Tokens at which an answer ends.
    package let endIDs: Set<Int32>
    /// How many questions are answered at a time, and how long they are; nil where there are none.
    package let answering: EngineSettings?
    /// Tokens of a micro-batch.
    package let microBatchTokens: Int

    /// Reads data and model.
    /// - Parameters: as of ``PreparedJob``; `adapterPath` is an adapter that is judged with it.
    /// - Throws: what is wrong with model or data.
    package init(
        manifest: Manifest, method: Manifest.EvaluationMethod, modelFolder: String, dataPath: String,
        adapterPath: String?, digest: String? = nil,
        deviceSelector: String? = nil, memoryLimit: Int? = nil, cache: DatasetCache? = nil,
        readingProgress: ((DatasetProgress) throws -> Void)? = nil, day: Int? = nil
    ) throws {
        var manifest = manifest
        self.method = method
        if !manifest.evaluation.graders.isEmpty {
            throw ModelError(file: "manifest", field: "evaluation.graders", "stand under method.evaluation in an evaluation job")
        }
        let adapter = try adapterPath.map { try AdapterFolder($0) }
        let opened = try OpenedModel(path: modelFolder, for: adapter)
        let configuration = opened.configuration
        guard let weights = opened.weights else { throw PreparationError.noWeights(modelFolder) }
        var encoder = try ChatEncoder(TokenizerTexts(opened.folder))
        if let day { encoder.clock = TemplateClock(dayOf: day) }
        self.encoder = encoder
        let labels = try ModelLabels.of(
            opened.folder, adapter: adapter, names: method.labels, isMultiLabel: method.isMultiLabel, field: "method.evaluation.labels")
        let unfitted =
            labels.map { ClassificationObjective(classes: $0.names, isMultiLabel: $0.isMultiLabel) as any Objective }
            ?? SupervisedObjective()
        if labels != nil, !method.graders.isEmpty {
            throw ModelError(
                file: "manifest", field: "method.evaluation.graders",
                "judge answers, and the model is a classifier, which gives none: leave them out")
        }
        var options = PreparedData.options(manifest, unfitted)
        if encoder.tokenizer.vocabularySize > configuration.vocabularySize {
            options.modelVocabularySize = configuration.vocabularySize
        }
        options.positionLimit = configuration.maximumPositions
        options.labels?.isTraining = false
        let reader = DatasetReader(
            encoder: encoder, options: options, modelFolder: modelFolder, cache: cache)
        let name = manifest.validationFile ?? ""
        let (data, report) = try reader.read(
            dataPath, name: name, digest: digest, progress: readingProgress)
        guard let data, report.isValid else { throw PreparationError.invalidData([report]) }
        self.data = data
        // The classes are the model's, whatever the data has.
        objective = labels == nil ? try unfitted.fitted(to: data, validation: nil, classes: []) : unfitted
        questions =
            method.graders.isEmpty
            ? [] : try Examination.questions(dataPath, name: report.file, encoder, method.graders, report)
        self.report = report
        var replacement: String?
        let device = try Devices.make(deviceSelector ?? manifest.device) { replacement = $0 }
        deviceReplacement = replacement
        self.device = device
        let precision = try Precisions.choose(manifest.precision, device, configuration)
        manifest.precision = .value(precision)
        let format = manifest.baseWeights.value ?? .stored
        manifest.baseWeights = .value(format)
        self.manifest = manifest
        let longest = max(1, data.longestExample)
        let training: LanguageModel.Training =
            try adapter.map { LanguageModel.Training.adapter(try $0.settings(on: LanguageModel.linearModules(of: configuration)), seed: 0) }
            ?? .nothing
        let mixable = Set([ElementType.bfloat16, .float16].filter { device.mixesFloat32(with: $0) })
        model = try LanguageModel(
            configuration, source: .checkpoint(weights), training: training,
            precision: .init(
                activationType: Precisions.elementType(precision), mixableTypes: mixable,
                baseWeights: format),
            maximumLength: max(longest, questions.isEmpty ? 0 : Examination.length(questions, method.generation)),
            head: labels.map { TaskHead(labels: $0, seed: 0) },
            pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        remarks = opened.remarks + (model.widenedRemark.map { [$0] } ?? [])
        programs = Programs(model: model, optimizer: AdamWOptimizer(), objective: objective)
        microBatchTokens = max(
            ProgramSize.rounded(longest), min(2048, ProgramSize.rounded(data.tokenCount)))
        var ends = Set(encoder.specialTokens.stopIDs)
        if let adapterPath { ends.formUnion(try ChatEncoder.endIDs(in: adapterPath)) }
        endIDs = ends
        let limit = memoryLimit ?? manifest.memoryLimit ?? device.memoryByteCount.map { $0 / 10 * 9 }
        answering =
            questions.isEmpty
            ? nil
            : try Examination.answering(
                model, device, questionCount: questions.count, length: Examination.length(questions, method.generation), limit
            ).settings
        // Loss and answers follow one another, so that the larger of both counts.
        try Examination.require(try Evaluator.byteCount(device: device, programs: programs, batches: [largestBatch]), limit)
    }

    /// A micro-batch as large as any will be.
    package var largestBatch: PackedBatch {
        PackedBatch(
            [], for: objective, tokenCapacity: microBatchTokens, trainedCapacity: microBatchTokens,
            window: model.configuration.slidingWindow, rotary: model.rotaryRows)
    }

    /// What is asked and judged; nil where there are no graders.
    package var examination: Examination? {
        answering.map {
            Examination(
                questions, method.graders, method.generation, seed: manifest.seed, tokenizer: encoder.tokenizer, endIDs: endIDs, model, $0)
        }
    }
}
