import Engine
import Grading
import Graph
import JSON
import Jobs
import Manifest
import Models
import Preparation
import Training

/// Has the answers of a model that is being trained judged: at its checkpoints, and at its end.
final class AnswerGrading {
    private unowned let runner: JobRunner
    private let job: PreparedJob
    private let run: TrainingRun
    private let examination: Examination
    /// The step whose model was judged last, and what came of it.
    private var last: (step: Int, graded: GradedAnswers)?

    /// Ends an examination that is broken off.
    private struct BrokenOff: Error {}

    /// - Returns: nil where no answers are to be judged.
    init?(_ runner: JobRunner, _ job: PreparedJob, _ run: TrainingRun) {
        guard let examination = job.examination else { return nil }
        (self.runner, self.job, self.run, self.examination) = (runner, job, run, examination)
        let columns = job.manifest.evaluation.gradeColumns
        run.gradeCount = columns.count
        guard !columns.isEmpty else { return }
        run.grade = { [unowned self] in try grade(step: run.stepsDone)?.means }
    }

    /// The answers of the model that the session holds.
    /// - Parameter step: after which it has these parameters.
    /// - Returns: nil if it was broken off.
    func grade(step: Int) throws -> GradedAnswers? {
        if let last, last.step == step { return last.graded }
        do {
            let graded = try GradedAnswers(examination, on: job.device, fill: fill) { _ in
                if run.isCancelled() { throw BrokenOff() }
            }
            last = (step, graded)
            try tell(step, graded)
            return graded
        } catch is BrokenOff { return nil }
    }

    /// Gives the engine the parameters of the session.
    private func fill(_ engine: Engine) throws {
        let model = run.session.programs.model
        for parameter in model.trainables.parameters {
            try engine.write(model.read(parameter.key, run.session.persistent), to: parameter.key)
        }
    }

    private func tell(_ step: Int, _ graded: GradedAnswers) throws {
        let figures = zip(examination.graders, graded.means).map { "\($0.name) \(JobRunner.rounded($1))" }.joined(separator: ", ")
        try runner.event(.graded, "Step \(step): \(graded.answers.count) answers judged: \(figures)")
    }

    /// `evaluation.json`'s part of it.
    func members(_ graded: GradedAnswers) -> [JSONMember] { graded.json(examination) }
    func predictions(_ graded: GradedAnswers) -> String { graded.predictions(examination) }
}
