import Engine
import Grading
import Graph
import Manifest
import Models
import Tokenization

/// What a training job's graders want: questions, and room beside the session for the engine that
/// answers them.
struct AnswersBeside {
    /// Makes the job's model for texts of so many tokens, with its frozen weights in a form.
    typealias ModelMaker = (_ format: BaseWeights, _ maximumLength: Int) throws -> LanguageModel

    private let questions: [Question]
    private let graders: [Grader]
    private let generation: Examination.Generation
    private let length: Int
    private let settings: EngineSettings
    /// Bytes of the engine.
    let byteCount: Int

    /// Takes half of the memory at most.
    /// - Parameters:
    ///   - formats: the forms that frozen weights may get, the first one preferred.
    ///   - byteLimit: the memory; nil: no limit.
    /// - Throws: ``TrainingError/doesNotFit(needed:available:advice:)``, and what makes no model.
    init(
        _ questions: [Question], _ evaluation: Manifest.Evaluation, _ device: any ComputeDevice, _ formats: [BaseWeights], byteLimit: Int?,
        _ model: ModelMaker
    ) throws {
        (self.questions, graders, generation) = (questions, evaluation.graders, evaluation.generation ?? .init())
        length = Examination.length(questions, generation)
        (settings, byteCount) = try Examination.answering(
            model(formats.first ?? .stored, length), device, questionCount: questions.count, length: length, byteLimit.map { $0 / 2 },
            isBeside: true)
    }

    /// The examination of the model as it will have been planned.
    /// - Parameter endIDs: tokens at which an answer ends.
    /// - Throws: what makes no model.
    func examination(
        seed: UInt64, _ tokenizer: Tokenizer, _ endIDs: Set<Int32>, _ format: BaseWeights, _ model: ModelMaker
    ) throws -> Examination {
        Examination(
            questions, graders, generation, seed: seed, tokenizer: tokenizer, endIDs: endIDs, try model(format, length), settings)
    }
}
