import Datasets
package import Engine
package import Grading
import Graph
import JSON
package import Manifest
package import Models
package import Tokenization
import Training

/// Questions to a model, and what judges its answers.
package struct Examination {
    package typealias Generation = Manifest.EvaluationMethod.Generation

    /// In the order of the file.
    package let questions: [Question]
    package let graders: [Grader]
    package let generation: Generation
    package let seed: UInt64
    package let tokenizer: Tokenizer
    /// Tokens at which an answer ends.
    package let endIDs: Set<Int32>
    /// The model that answers.
    package let model: LanguageModel
    /// How many questions are answered at a time, and how long they are.
    package let answering: EngineSettings

    package init(
        _ questions: [Question], _ graders: [Grader], _ generation: Generation, seed: UInt64, tokenizer: Tokenizer, endIDs: Set<Int32>,
        _ model: LanguageModel, _ answering: EngineSettings
    ) {
        (self.questions, self.graders, self.generation, self.seed) = (questions, graders, generation, seed)
        (self.tokenizer, self.endIDs, self.model, self.answering) = (tokenizer, endIDs, model, answering)
    }

    /// Tokens of the longest question with its answer.
    static func length(_ questions: [Question], _ generation: Generation) -> Int {
        questions.reduce(0) { max($0, $1.prompt.count) } + generation.maximumTokens + 1
    }

    /// As many answers at a time as fit the memory: eight at most where something else needs it
    /// too, ``EngineSettings/manySlots`` where nothing does, and those above eight only as long as
    /// their cache does not take as much as the rest.
    /// - Parameter isBeside: whether a model is trained meanwhile. The weights that stay in their
    ///   file are counted there then.
    /// - Throws: ``TrainingError/doesNotFit(needed:available:advice:)`` where not even one does.
    static func answering(
        _ model: LanguageModel, _ device: any ComputeDevice, questionCount: Int, length: Int, _ limit: Int?, isBeside: Bool = false
    ) throws -> (settings: EngineSettings, byteCount: Int) {
        let few = 8
        func settings(_ slots: Int) -> EngineSettings { .batch(questionCount: questionCount, slots: slots, contextLength: length) }
        func byteCount(_ slots: Int) throws -> Int {
            try Engine.byteCount(model, on: device, settings(slots), countingMapped: !isBeside)
        }
        var slots = min(isBeside ? few : EngineSettings.manySlots, questionCount)
        let one = try byteCount(1)
        while true {
            let needed = try byteCount(slots)
            let pays = slots <= few || needed <= 2 * one
            if pays, limit.map({ needed <= $0 }) ?? true { return (settings(slots), needed) }
            if slots == 1 { try require(needed, limit) }
            slots = max(1, slots / 2)
        }
    }

    static func require(_ needed: Int, _ limit: Int?) throws {
        guard let limit, needed > limit else { return }
        throw TrainingError.doesNotFit(
            needed: needed, available: limit,
            advice: "raise memory_limit, lower max_length or max_tokens of the generation, or set base_weights to q8 or nf4")
    }

    /// Reads the questions of a file.
    /// - Parameters:
    ///   - lines: whose records are questions; nil: all.
    ///   - report: of the file, to which problems are added.
    /// - Throws: ``PreparationError/invalidData(_:)`` with each line that gives no question, and
    ///   what graders read that is not there.
    static func questions(
        _ path: String, name: String, lines: Set<Int>? = nil, _ encoder: ChatEncoder, _ graders: [Grader], _ report: ValidationReport
    ) throws -> [Question] {
        var report = report
        var questions: [Question] = []
        var missing = MissingFields()
        do throws(DatasetProblem) {
            for record in try RecordList.read(path, name: name) where lines?.contains(record.line) ?? true {
                do throws(DatasetProblem) {
                    let question = try Question(record, encoder: encoder)
                    for grader in graders { missing.look(grader, question) }
                    questions.append(question)
                } catch {
                    var problem = error
                    problem.file = name
                    report.note(problem)
                }
            }
        } catch { report.note(error) }
        for var problem in missing.problems {
            problem.file = name
            report.note(problem)
        }
        guard report.isValid else { throw PreparationError.invalidData([report]) }
        return questions
    }
}
