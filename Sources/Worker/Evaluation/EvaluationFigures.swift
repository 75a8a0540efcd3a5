import Datasets
import Grading
import JSON
import Manifest
import Preparation
import Training

/// What an evaluation job writes: `evaluation.json`, `evaluation.md`, `predictions.jsonl`.
struct EvaluationFigures {
    let job: PreparedEvaluation
    let found: EvaluatedModel
    /// What it is compared with, and what that is called.
    let other: (name: String, found: EvaluatedModel)?

    var json: JSONNode {
        var members: [JSONMember] = [
            JSONMember("model", JSONNode(job.manifest.model)),
            JSONMember("file", JSONNode(job.manifest.validationFile ?? "")),
        ]
        members += report(found)
        if let other {
            members.append(
                JSONMember(
                    "comparison", JSONNode([JSONMember("model", JSONNode(other.name))] + report(other.found)))
            )
            members.append(JSONMember("differences", JSONNode(differences(other.found))))
        }
        return JSONNode(members)
    }

    private func report(_ found: EvaluatedModel) -> [JSONMember] {
        var members = job.objective.report(found.measures).object ?? []
        if !members.contains(where: { $0.key == "examples" }) {
            members.append(JSONMember("examples", JSONNode(job.data.count)))
        }
        if let graded = found.graded, let examination = job.examination { members += graded.json(examination) }
        return members
    }

    /// How much the model has more than the other, with the bounds of a paired bootstrap.
    private func differences(_ other: EvaluatedModel) -> [JSONMember] {
        var members = [
            node("loss", zip(found.losses, other.losses).map { ($0.total, $1.total, $0.weight) })
        ]
        if found.scored.count == job.data.count, other.scored.count == job.data.count,
            !found.scored.isEmpty
        {
            members.append(
                node("accuracy", zip(found.scored, other.scored).map { (isRight($0), isRight($1), 1) }))
        }
        for (index, grader) in job.method.graders.enumerated() {
            let scores = zip(found.graded?.scores ?? [], other.graded?.scores ?? [])
            members.append(node(grader.name, scores.map { ($0[index], $1[index], 1) }))
        }
        return members
    }

    private func isRight(_ scored: Measures.Scored) -> Double {
        let isMultiLabel = (job.objective as? ClassificationObjective)?.isMultiLabel == true
        if isMultiLabel {
            return scored.logits.indices.allSatisfy {
                (scored.logits[$0] > 0) == scored.labels.contains($0)
            } ? 1 : 0
        }
        return scored.labels.first == ClassificationObjective.largest(scored.logits) ? 1 : 0
    }

    private func node(_ name: String, _ pairs: [(first: Double, second: Double, weight: Double)])
        -> JSONMember
    {
        let drawn = Bootstrap(pairs, seed: job.manifest.seed)
        return JSONMember(
            name,
            [
                "difference": JSONNode(drawn.difference), "lower": JSONNode(drawn.lower),
                "upper": JSONNode(drawn.upper),
            ])
    }

    /// One line an example.
    var predictions: String {
        let answerOf = Dictionary(job.questions.enumerated().map { ($1.line, $0) }) { first, _ in first
        }
        var text = ""
        for index in 0..<job.data.count {
            let line = job.data.line(of: index)
            var members = [JSONMember("line", JSONNode(line))] + prediction(found, index, answerOf[line])
            if let place = answerOf[line] {
                members.insert(
                    JSONMember(
                        "reference", job.questions[place].item["reference"].map { JSONNode($0.value) } ?? nil),
                    at: 1)
            }
            if let other {
                members.append(
                    JSONMember("comparison", JSONNode(prediction(other.found, index, answerOf[line]))))
            }
            text += JSONWriter().string(JSONNode(members)) + "\n"
        }
        return text
    }

    private func prediction(_ found: EvaluatedModel, _ index: Int, _ answer: Int?) -> [JSONMember] {
        let loss = found.losses[index]
        var members = [JSONMember("loss", JSONNode(loss.weight == 0 ? 0 : loss.total / loss.weight))]
        if let objective = job.objective as? ClassificationObjective,
            found.scored.indices.contains(index)
        {
            let scored = found.scored[index]
            let names = objective.classes
            let labels =
                objective.isMultiLabel
                ? scored.logits.indices.filter { scored.logits[$0] > 0 }
                : [ClassificationObjective.largest(scored.logits)]
            members.append(JSONMember("labels", JSONNode(scored.labels.map { JSONNode(names[$0]) })))
            members.append(JSONMember("predicted", JSONNode(labels.map { JSONNode(names[$0]) })))
            let shares = zip(names, objective.probabilities(scored.logits)).map {
                JSONMember($0, JSONNode($1))
            }
            members.append(JSONMember("probabilities", JSONNode(shares)))
        }
        if let answer, let graded = found.graded { members += graded.members(answer, job.method.graders) }
        return members
    }

    var markdown: String {
        let figures = json
        var text = EvaluationMarkdown.text(
            "Evaluation of \(job.manifest.model) on \(job.manifest.validationFile ?? "")", figures)
        func rows(_ key: String, _ columns: [String]) -> [[String]] {
            (figures[key]?.object ?? []).map { member in
                [member.key] + columns.map { EvaluationMarkdown.shown(member.node[$0]) }
            }
        }
        text += EvaluationMarkdown.graders(figures)
        if let other {
            let columns = ["difference", "lower", "upper"]
            text += "\n## Against \(other.name)\n\nThe bounds hold 95 of 100 draws of such examples.\n\n"
            text += EvaluationMarkdown.table(["figure"] + columns, rows("differences", columns))
        }
        return text
    }
}
