import CommandLineTools
import Datasets
import Devices
import Graph
import JSON
import Manifest
import Preparation
import Spool

extension ManifestOptions {
    /// The evaluation that a manifest asks for; nil where it asks for training.
    /// - Throws: as ``prepareThrowing(device:memoryLimit:)``.
    func evaluation() throws -> PreparedEvaluation? {
        let (manifest, files) = try read(says: true)
        guard let method = manifest.method.specification as? Manifest.EvaluationMethod else { return nil }
        let bar = ReadingBar()
        defer { bar.clear() }
        return try PreparedEvaluation(
            manifest: manifest, method: method, modelFolder: files.modelPath, dataPath: files.training.path,
            adapterPath: files.initialAdapter?.path,
            cache: .ofUser, readingProgress: { bar.show($0) })
    }

    /// Says what an evaluation will do.
    func show(_ job: PreparedEvaluation) throws {
        if json {
            return try StandardOutput.json([
                "valid": true, "files": [job.report.json], "warnings": [], "examples": JSONNode(job.data.count),
                "answers": JSONNode(job.questions.count), "device": JSONNode(job.device.name),
                "remarks": JSONNode(job.remarks.map { JSONNode($0) }),
            ])
        }
        try StandardOutput.write(plain(job.report.text))
        for remark in job.remarks { try StandardOutput.line(plain("warning: " + remark)) }
        let answers =
            job.questions.isEmpty ? "" : ", \(job.questions.count) answers of \(job.method.generation.maximumTokens) tokens at most"
        let twice = job.method.comparison.map { ", twice: compared with \($0)" } ?? ""
        try StandardOutput.line(plain("valid: \(job.data.count) examples\(answers)\(twice), on \(job.device.name)"))
    }
}
