import Engine
import Grading
import Graph
import JSON
import Manifest
import Preparation
import Tokenization

/// What a model answered to questions, and what graders gave it.
struct GradedAnswers {
    /// In the order of the questions.
    let answers: [String]
    /// Of each answer, in the order of the graders.
    let scores: [[Double]]

    /// Lets a model answer all questions, several at a time, and the graders judge them. An answer
    /// does not depend on what is answered beside it.
    /// - Parameters:
    ///   - fill: called with the engine before the first question.
    ///   - done: told after every step of the engine how many answers are done; what it throws ends
    ///     the examination.
    init(
        _ examination: Examination, on device: any ComputeDevice, fill: (Engine) throws -> Void = { _ in }, done: (Int) throws -> Void
    ) throws {
        let settings = examination.generation
        let engine = try Engine(examination.model, tokenizer: examination.tokenizer, on: device, examination.answering)
        try fill(engine)
        for (index, question) in examination.questions.enumerated() {
            var request = GenerationRequest(id: UInt64(index), prompt: question.prompt, maximumTokens: settings.maximumTokens)
            request.endIDs = examination.endIDs
            // Each question has a seed of its own.
            request.sampling = SamplingSettings(
                temperature: settings.temperature, topP: settings.topP, seed: examination.seed &+ UInt64(truncatingIfNeeded: index))
            try engine.submit(request)
        }
        let count = examination.questions.count
        var tokens = [[Int32]](repeating: [], count: count)
        var answers = [String](repeating: "", count: count)
        var scores = [[Double]](repeating: [], count: count)
        var doneCount = 0
        while !engine.isIdle {
            for event in try engine.step() {
                switch event {
                case .token(let token): tokens[Int(token.id)].append(token.token)
                case .done(let id, _):
                    let place = Int(id)
                    answers[place] = examination.tokenizer.decode(tokens[place], skipSpecialTokens: true)
                    scores[place] = try examination.graders.map {
                        try $0.score(item: examination.questions[place].item, answer: answers[place])
                    }
                    doneCount += 1
                case .prompt, .finished, .embedding: break
                }
            }
            try done(doneCount)
        }
        (self.answers, self.scores) = (answers, scores)
    }

    /// The mean of each grader, in their order.
    var means: [Double] {
        guard let count = scores.first?.count else { return [] }
        return (0..<count).map { index in Self.mean(scores.map { $0[index] }) }
    }

    /// How many answers there are, and what each grader gave them together.
    func json(_ examination: Examination) -> [JSONMember] {
        let graders = examination.graders.enumerated().map { index, grader -> JSONMember in
            let scores = scores.map { $0[index] }
            var figures = [JSONMember("mean", JSONNode(Self.mean(scores)))]
            if let threshold = grader.threshold {
                figures.append(JSONMember("passed", JSONNode(Self.mean(scores.map { $0 >= threshold ? 1 : 0 }))))
            }
            if let corpus = corpus(grader, examination) { figures.append(JSONMember("corpus_bleu", JSONNode(corpus))) }
            return JSONMember(grader.name, JSONNode(figures))
        }
        return [JSONMember("answers", JSONNode(answers.count)), JSONMember("graders", JSONNode(graders))]
    }

    /// BLEU of all answers together is no mean of their own.
    private func corpus(_ grader: Grader, _ examination: Examination) -> Double? {
        guard case .textSimilarity(.bleu, let input, let reference) = grader.kind else { return nil }
        var sum = BLEU()
        for (question, answer) in zip(examination.questions, answers) {
            guard let one = try? input.text(item: question.item, answer: answer),
                let wanted = try? reference.text(item: question.item, answer: answer)
            else { return nil }
            sum.add(one, wanted)
        }
        return sum.score()
    }

    private static func mean(_ numbers: [Double]) -> Double { numbers.isEmpty ? 0 : numbers.reduce(0, +) / Double(numbers.count) }

    /// An answer with its scores, for a line of `predictions.jsonl`.
    func members(_ place: Int, _ graders: [Grader]) -> [JSONMember] {
        let scores = zip(graders, scores[place]).map { JSONMember($0.name, JSONNode($1)) }
        return [JSONMember("answer", JSONNode(answers[place])), JSONMember("scores", JSONNode(scores))]
    }

    /// One line a question: what was right, what was answered, what that is worth.
    func predictions(_ examination: Examination) -> String {
        var text = ""
        for (place, question) in examination.questions.enumerated() {
            let reference = question.item["reference"].map { JSONNode($0.value) } ?? nil
            let line = [JSONMember("line", JSONNode(question.line)), JSONMember("reference", reference)]
            text += JSONWriter().string(JSONNode(line + members(place, examination.graders))) + "\n"
        }
        return text
    }
}
