import Datasets
import Export
import Glibc
import JSON
import Jobs
import Models
import Preparation
import Spool
import Storage
import Tensors
import Training

/// Writes a finished job's `result/`: the tuned model in the forms that others load, its figures, a model card.
struct ResultWriter {
    let folder: JobFolder
    let job: PreparedJob
    let run: TrainingRun
    let status: JobStatus
    let lastRow: MetricsRow?
    /// Over the whole validation set.
    let evaluation: Measures

    /// `ft:BASE:SUFFIX:ID`, in the manner of the fine-tuning API.
    static func modelName(_ manifest: Manifest, _ id: String) -> String {
        let base = DurableFiles.split(manifest.model).name
        return "ft:\(base):\(manifest.suffix ?? ""):\(id.dropFirst(6))"
    }

    /// About the size of the result.
    var byteCount: Int {
        var count = 2 * Checkpointing.byteCount(job.model, job.optimizer)
        if case .checkpoint(let base) = job.model.source { count += base.tensors.values.reduce(0) { $0 + $1.bytes.count } }
        return count
    }

    /// Builds the folder, whole and verified.
    func write() throws {
        let model = job.model
        let session = run.session
        let read = { (key: String) in try model.read(key, session.persistent) }
        try WholeFolder.build(folder.result, byteCount: byteCount) { temporary in
            if case .adapter = model.training {
                let adapter = temporary + "/adapter"
                try DurableFiles.makeFolder(adapter, isNew: true)
                try Checkpointing.writeTrainedTensors(of: session, to: adapter + "/adapter_model.safetensors")
                try AdapterExport.writeConfiguration(model, baseName: job.manifest.model, to: adapter)
                try text(card, to: adapter + "/README.md")
                if case .checkpoint(let base) = model.source {
                    let merged = temporary + "/merged"
                    try DurableFiles.makeFolder(merged, isNew: true)
                    try ModelExport.writeMerged(model, base: base, trained: read, to: merged)
                    try ModelExport.copyCompanions(from: job.modelFolder, to: merged)
                }
            } else {
                let whole = temporary + "/model"
                try DurableFiles.makeFolder(whole, isNew: true)
                if case .checkpoint(let base) = model.source {
                    try ModelExport.writeMerged(model, base: base, trained: read, to: whole)
                } else {
                    try ModelExport.writeTrained(model, trained: read, elementType: model.configuration.storedType, to: whole)
                }
                try ModelExport.copyCompanions(from: job.modelFolder, to: whole)
            }
            try text(JSONWriter(isIndented: true).string(figures) + "\n", to: temporary + "/evaluation.json")
            try text(card, to: temporary + "/README.md")
        }
        if let fault = try WholeFolder.verify(folder.result) {
            throw StorageError(operation: "read back (\(fault))", path: folder.result, errorNumber: EIO)
        }
    }

    private func text(_ content: String, to path: String) throws { try DurableFiles.replace(path, with: content) }

    private var figures: JSONNode {
        let validation: JSONNode = job.validation == nil ? nil : run.session.programs.objective.report(evaluation)
        return [
            "steps": JSONNode(run.stepsDone), "train_loss": lastRow.map { JSONNode($0.trainLoss) } ?? nil, "validation": validation,
            "trained_tokens": JSONNode(status.trainedTokens ?? 0),
        ]
    }

    /// The adapter has learnt beside these; what is merged into is always the checkpoint's own numbers.
    private var baseWeights: String {
        switch job.plan.baseWeights {
        case .q8, .nf4: "\(job.plan.baseWeights.rawValue) while training; `merged` holds the original weights plus the adapter"
        default: job.plan.baseWeights.rawValue
        }
    }

    private var card: String {
        let manifest = job.manifest
        let rate: String
        if case .rate(let value) = manifest.learningRate { rate = "\(value)" } else { rate = "auto" }
        let adapter =
            manifest.adapter.kind == .lora
            ? "LoRA, rank \(manifest.adapter.rank), alpha \(manifest.adapter.alpha)" : "none (all weights trained)"
        return """
            ---
            base_model: \(manifest.model)
            library_name: \(manifest.adapter.kind == .lora ? "peft" : "transformers")
            ---
            # \(Self.modelName(manifest, folder.id))

            Tuned by Tala from `\(manifest.model)`.

            | | |
            | --- | --- |
            | training file | \(manifest.trainingFile) (\(job.training.count) examples) |
            | steps | \(run.settings.totalSteps) of \(run.settings.batchSize) examples |
            | adapter | \(adapter) |
            | learning rate | \(rate), \(manifest.schedule.shape.rawValue), \(manifest.schedule.warmupSteps) warm-up steps |
            | base weights | \(baseWeights) |
            | seed | \(manifest.seed) |
            | precision | \(job.precision) |
            | final training loss | \(lastRow.map { JobRunner.rounded($0.trainLoss) } ?? "-") |

            """
    }
}
