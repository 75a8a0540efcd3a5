import Datasets
import Export
import Glibc
import JSON
import Jobs
import Manifest
import Models
import Preparation
import Spool
import Storage
import Tensors
import Training

/// Writes a finished job's `result/`: the tuned model in the forms that others load, its figures, a
/// model card.
struct ResultWriter {
    let folder: JobFolder
    let job: PreparedJob
    let run: TrainingRun
    let status: JobStatus
    let lastRow: MetricsRow?
    /// Over the whole validation set.
    let evaluation: Measures
    /// By what the run was judged, where it was.
    let selection: Selection?
    /// What graders gave the model's answers, for `evaluation.json`, and the answers for
    /// `predictions.jsonl`, where they were asked for.
    var answers: (figures: [JSONMember], predictions: String)?

    /// `ft:BASE:SUFFIX:ID`, in the manner of the fine-tuning API.
    static func modelName(_ manifest: Manifest, _ id: String) -> String {
        let base = DurableFiles.split(manifest.model).name
        return "ft:\(base):\(manifest.suffix ?? ""):\(id.dropFirst(6))"
    }

    /// About the size of the result.
    var byteCount: Int {
        var count = 2 * Checkpointing.byteCount(job.model, job.optimizer)
        let tuned = job.tuned(in: run.session)
        if case .checkpoint(let base) = job.model.source {
            count += base.tensors.values.reduce(0) { $0 + $1.ownByteCount }
            if tuned.dequantisesBase {
                count += base.tensors.values.filter { $0.packRow != nil }.reduce(0) { $0 + $1.elementCount * $1.elementType.byteCount }
            }
        }
        for format in ResultFormats.chosen(for: tuned) { count += format.byteCount(tuned) }
        return count
    }

    /// Builds the folder, whole and verified.
    func write() throws {
        var tuned = job.tuned(in: run.session)
        tuned.card = card
        try WholeFolder.build(folder.result, byteCount: byteCount) { temporary in
            for format in ResultFormats.chosen(for: tuned) {
                let part = temporary + "/" + format.name
                try DurableFiles.makeFolder(part, isNew: true)
                try format.write(tuned, to: part)
            }
            try text(JSONWriter(isIndented: true).string(figures) + "\n", to: temporary + "/evaluation.json")
            if let markdown { try text(markdown, to: temporary + "/evaluation.md") }
            if let answers { try text(answers.predictions, to: temporary + "/predictions.jsonl") }
            try text(card, to: temporary + "/README.md")
        }
        if let fault = try WholeFolder.verify(folder.result) {
            throw StorageError(operation: "read back (\(fault))", path: folder.result, errorNumber: EIO)
        }
    }

    private func text(_ content: String, to path: String) throws { try DurableFiles.replace(path, with: content) }

    /// What a classifier says of the validation set; nil where there are no classes or no such set.
    private var classReport: JSONNode? {
        guard job.model.head != nil, job.validation != nil else { return nil }
        return run.session.programs.objective.report(evaluation)
    }

    /// The figures for people, where there is more to say than a loss.
    private var markdown: String? {
        let name = Self.modelName(job.manifest, folder.id)
        guard let answers else { return classReport.map { EvaluationMarkdown.text(name, $0) } }
        let report = run.session.programs.objective.report(evaluation)
        return EvaluationMarkdown.text(name, report) + EvaluationMarkdown.graders(JSONNode(answers.figures))
    }

    private var figures: JSONNode {
        let validation: JSONNode = job.validation == nil ? nil : run.session.programs.objective.report(evaluation)
        var figures: JSONNode = [
            "steps": JSONNode(run.stepsDone), "train_loss": lastRow.map { JSONNode($0.trainLoss) } ?? nil, "validation": validation,
            "trained_tokens": JSONNode(status.trainedTokens ?? 0),
        ]
        if let selection, let best = selection.rule.best {
            let node: JSONNode = [
                "metric": JSONNode(selection.metric), "step": JSONNode(best.step), "value": JSONNode(best.value),
                "loaded": JSONNode(selection.loadsBest),
            ]
            figures = JSONNode((figures.object ?? []) + [JSONMember("best", node)])
        }
        if let answers { figures = JSONNode((figures.object ?? []) + answers.figures) }
        guard case .random = job.model.source, let members = figures.object else { return figures }
        return JSONNode([JSONMember("initial_weights", JSONNode(job.initialWeights))] + members)
    }

    /// The adapter has learnt beside these; what is merged into is always the checkpoint's own
    /// numbers.
    private var baseWeights: String {
        switch job.plan.baseWeights {
        case .q8, .nf4: "\(job.plan.baseWeights.rawValue) while training; `merged` holds the original weights plus the adapter"
        default: job.plan.baseWeights.rawValue
        }
    }

    /// A line that only a model trained from nothing has.
    private var randomRow: String {
        guard case .random(let seed) = job.model.source else { return "" }
        return "\n| initial weights | random numbers (seed \(seed)): the base model's folder held none |"
    }

    /// What a classifier's card says beside others'.
    private var taskLine: String { job.model.head == nil ? "" : "\npipeline_tag: text-classification" }
    private var classesRow: String {
        guard let labels = job.model.head?.labels else { return "" }
        let names = labels.names.map { $0.replacing("|", with: "\\|").replacing("\n", with: " ") }
        return "\n| classes | \(names.joined(separator: ", "))\(labels.isMultiLabel ? " (any number of them)" : "") |"
    }

    /// What the adapter has beside its matrices.
    private var beyondMatrices: String {
        guard case .adapter(let settings, _) = job.model.training, let words = settings.beyondMatrices(job.model.adapters) else {
            return ""
        }
        return ", and " + words
    }

    private var card: String {
        let manifest = job.manifest
        let rate: String
        if let value = manifest.hyperparameters.learningRate.value { rate = "\(value)" } else { rate = "auto" }
        let adapter =
            manifest.adapter.lora.map { "LoRA, rank \($0.rank), alpha \($0.alpha)\(beyondMatrices)" } ?? "none (all weights trained)"
        return """
            ---
            base_model: \(manifest.model)
            library_name: \(manifest.adapter.kind == .lora ? "peft" : "transformers")\(taskLine)
            ---
            # \(Self.modelName(manifest, folder.id))

            Tuned by Tala from `\(manifest.model)`.

            | | |
            | --- | --- |
            | training file | \(manifest.trainingFile) (\(job.training.count) examples) |
            | steps | \(run.settings.totalSteps) of \(run.settings.batchSize) examples |
            | adapter | \(adapter) |
            | learning rate | \(rate), \(manifest.schedule.shape.rawValue), \(manifest.schedule.warmupSteps) warm-up steps |
            | base weights | \(baseWeights) |\(randomRow)
            | seed | \(manifest.seed) |\(classesRow)
            | precision | \(job.precision) |
            | final training loss | \(lastRow.map { JobRunner.rounded($0.trainLoss) } ?? "-") |
            \(AdapterServing.text(job.model, baseName: manifest.model).map { "\n" + $0 } ?? "")
            """
    }
}
