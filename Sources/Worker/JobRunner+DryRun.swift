import Datasets
import Graph
import JSON
import Jobs
import Manifest
import Preparation
import Spool
import Storage
import Tokenization
import Training

/// Jobs whose manifest says `validate_only`: they end where others wait for a device, and leave in
/// `preview.json` what they would have done.
extension JobRunner {
    /// Examples of each file that are shown, and tokens of each.
    private static let (shownExamples, shownTokens) = (8, 4096)
    /// A model whose session takes more than this is not loaded to time a few steps: a dry run may
    /// stand beside a job that trains.
    private static let trialBytes = 256 << 20

    func runDry() throws -> WorkerExit {
        do {
            if let method = evaluationMethod {
                let job = try prepareEvaluation(method)
                try write(preview: [
                    "valid": true, "files": [job.report.json], "warnings": [], "remarks": JSONNode(job.remarks.map { JSONNode($0) }),
                ])
            } else {
                let job = try prepare().job
                // What cannot be estimated is not a fault of the job.
                let time = try? job.estimateTime(trialBytes: Self.trialBytes)
                try write(preview: Self.preview(of: job, time))
            }
        } catch is Interruption {
            return leaveEarly() ?? finish(.stopped, .stopped, "Stopped during validation")
        } catch PreparationError.invalidData(let reports) {
            try write(preview: ["valid": false, "files": JSONNode(reports.map(\.json))])
            throw PreparationError.invalidData(reports)
        }
        try status.become(.succeeded)
        (status.reason, status.error, status.neededBytes) = (.validatedOnly, nil, nil)
        status.finishedAt = Self.wallTime()
        status.resultFiles = ["preview.json"]
        try event(.succeeded, "The files are valid; nothing is trained, as validate_only says")
        try syncEvents()
        try save()
        folder.removeTokens()
        return .succeeded
    }

    private func write(preview: JSONNode) throws {
        try DurableFiles.replace(folder.previewFile, with: JSONWriter(isIndented: true).string(preview) + "\n")
    }

    private static func preview(of job: PreparedJob, _ time: TimeEstimate?) -> JSONNode {
        func examples(_ data: Dataset?) -> JSONNode {
            guard let data else { return [] }
            let shown = (0..<min(shownExamples, data.count)).flatMap {
                MarkedExample.all(of: data, $0, job.encoder.tokenizer, limit: shownTokens)
            }
            return JSONNode(shown.map(\.json))
        }
        let hyperparameters = job.manifest.hyperparameters
        return [
            "valid": true, "files": JSONNode(job.reports.map(\.json)), "warnings": JSONNode(job.warnings.map(\.json)),
            "remarks": JSONNode((job.remarks + job.notes).map { JSONNode($0) }),
            "numbers": [
                "n_epochs": hyperparameters.epochCount.value.map { JSONNode($0) } ?? .null,
                "batch_size": JSONNode(job.settings.batchSize),
                "learning_rate": hyperparameters.learningRate.value.map { JSONNode($0) } ?? .null,
                "steps": JSONNode(job.settings.totalSteps), "trained_tokens": JSONNode(job.totalTrainedTokens),
                "training_examples": JSONNode(job.training.count), "validation_examples": JSONNode(job.validation?.count ?? 0),
            ],
            "device": JSONNode(job.device.name), "precision": JSONNode(job.precision), "plan": PlanFigures(job.plan).json,
            "seconds": time.map { JSONNode($0.seconds) } ?? .null, "seconds_from": time.map { JSONNode($0.basis.rawValue) } ?? .null,
            "examples": ["training": examples(job.training), "validation": examples(job.validation)],
        ]
    }
}
