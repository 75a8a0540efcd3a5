import Datasets
import Graph
import Manifest
import Models
import Tokenization
import Training

extension PreparedJob {
    /// The questions whose answers graders judge, where the manifest wants that: the records of the
    /// validation data.
    /// - Returns: nil where there are no graders.
    /// - Throws: ``TrainingError/needsValidation(key:)``, ``ModelError`` for a method whose model
    ///   gives no answers, ``PreparationError/invalidData(_:)``.
    static func questions(
        _ manifest: Manifest, _ data: PreparedData, trainingPath: String, validationPath: String?, _ encoder: ChatEncoder
    ) throws -> [Question]? {
        let graders = manifest.evaluation.graders
        guard !graders.isEmpty else { return nil }
        guard [Manifest.Supervised.word, Manifest.Preference.word, Manifest.Distillation.word].contains(manifest.method.word) else {
            throw ModelError(
                file: "manifest", field: "evaluation.graders",
                "judge answers to questions, and \(manifest.method.word) trains no model for that: leave them out")
        }
        guard let validation = data.validation, let report = data.reports.last else {
            throw TrainingError.needsValidation(key: "evaluation.graders")
        }
        // What is dropped or held back for training is no question.
        let lines = Set((0..<validation.count).map { validation.line(of: $0) })
        return try Examination.questions(
            validationPath ?? trainingPath, name: report.file, lines: lines, encoder, graders, report)
    }
}
