import Basics
import Datasets
import Graph
import JSON
import Jobs
import Manifest
import Preparation
import Spool
import Storage
import Training

extension JobRunner {
    /// What the job evaluates with, where it trains nothing.
    var evaluationMethod: Manifest.EvaluationMethod? {
        papers.manifest.method.specification as? Manifest.EvaluationMethod
    }

    /// Takes the data into the job's folder, reads it and the model. The first time, what was found
    /// is written down.
    func prepareEvaluation(_ method: Manifest.EvaluationMethod) throws -> PreparedEvaluation {
        let isNew = try folder.validation() == nil
        if isNew {
            try status.become(.validatingFiles)
            try save()
            try event(.validating, "Validating file: \(papers.manifest.validationFile ?? "")")
        }
        let job = try prepared(method, papers.acceptance.modelPath, hasAdapter: true)
        guard isNew else { return job }
        let report = job.report
        try event(
            .validated, "Files validated: \(report.file): \(report.exampleCount) examples",
            data: report.summaryJSON)
        for warning in report.warnings.first.prefix(20) {
            try event(.dataWarning, warning.description, .warn)
        }
        for remark in job.remarks { try event(.inputWarning, remark, .warn) }
        let found: JSONNode = [
            "trained_tokens": 0, "total_steps": JSONNode(Self.stepCount(job)), "files": [report.json],
            "warnings": [], "plan": nil, "inputs": nil,
        ]
        try OwnDigests.replace(
            folder.validationFile, with: JSONWriter(isIndented: true).string(found) + "\n")
        return job
    }

    private func prepared(_ method: Manifest.EvaluationMethod, _ modelPath: String?, hasAdapter: Bool)
        throws -> PreparedEvaluation
    {
        let (manifest, acceptance) = (papers.manifest, papers.acceptance)
        guard let modelPath else { throw PreparationError.noWeights(manifest.model) }
        let inputs = try InputSnapshot(folder, acceptance)
        pulse.beat()
        let isOpen =
            manifest.device == "auto"
            || manifest.device == "vulkan" && deviceSelector?.hasPrefix("vulkan") == true
        defer { status.reading = nil }
        do {
            return try PreparedEvaluation(
                manifest: manifest, method: method, modelFolder: modelPath, dataPath: inputs.trainingPath,
                adapterPath: hasAdapter ? inputs.initialAdapterPath : nil, digest: inputs.digests.training,
                deviceSelector: isOpen ? deviceSelector : nil, cache: DatasetCache(folder: folder.tokens),
                readingProgress: { [self] in try note($0) }, day: acceptance.createdAt)
        } catch PreparationError.invalidData(let reports) {
            for problem in reports.flatMap(\.problems.first).prefix(100) {
                try event(.invalidData, problem.description, .error)
            }
            throw PreparationError.invalidData(reports)
        }
    }

    /// Examples and answers, which an evaluation counts as steps.
    private static func stepCount(_ job: PreparedEvaluation) -> Int {
        (job.data.count + job.questions.count) * (job.method.comparison == nil ? 1 : 2)
    }

    /// Judges the model, and the one that it is compared with. There is nothing to go on from: a
    /// job that was stopped begins anew, and finds the same.
    func evaluate(_ method: Manifest.EvaluationMethod) throws -> WorkerExit {
        do {
            let job = try prepareEvaluation(method)
            status.device = job.device.name
            try note(replacement: job.deviceReplacement)
            status.progress.totalSteps = Self.stepCount(job)
            try status.become(.running)
            (status.error, status.reason, status.neededBytes) = (nil, nil, nil)
            try save()
            willTrain()
            try event(.started, "Evaluation started on \(job.device.name)")
            let found = try run(job, after: 0)
            var other: (String, EvaluatedModel)?
            if let name = method.comparison {
                let path = papers.acceptance.comparisonPath ?? papers.acceptance.modelPath
                other = (
                    name, try run(prepared(method, path, hasAdapter: false), after: Self.stepCount(job) / 2)
                )
            }
            try write(EvaluationFigures(job: job, found: found, other: other))
        } catch is Interruption {
            return leaveEarly() ?? finish(.stopped, .stopped, "Stopped before the end of the evaluation")
        }
        try status.become(.succeeded)
        status.finishedAt = Self.wallTime()
        status.progress.remainingSeconds = nil
        status.resultFiles = ["result"]
        try event(.succeeded, "The job has successfully completed")
        try syncEvents()
        try save()
        folder.removeTokens()
        return .succeeded
    }

    private func run(_ job: PreparedEvaluation, after done: Int) throws -> EvaluatedModel {
        var lastNote = MonotonicClock.seconds()
        return try EvaluatedModel(job) { count in
            if isAskedToLeave() { throw Interruption() }
            status.progress.step = done + count
            guard MonotonicClock.seconds() - lastNote > 1 else { return }
            lastNote = MonotonicClock.seconds()
            meter(trainedTokens: 0)
            try publish()
        }
    }

    private func write(_ figures: EvaluationFigures) throws {
        pulse.enter(.result, step: status.progress.step)
        meter(trainedTokens: 0)
        let texts = [
            ("evaluation.json", JSONWriter(isIndented: true).string(figures.json) + "\n"),
            ("evaluation.md", figures.markdown),
            ("predictions.jsonl", figures.predictions),
        ]
        try retryingOnce("the result") {
            try WholeFolder.build(
                folder.result, byteCount: texts.reduce(1 << 16) { $0 + $1.1.utf8.count }
            ) { temporary in
                for (name, text) in texts { try DurableFiles.replace(temporary + "/" + name, with: text) }
            }
        }
    }
}
