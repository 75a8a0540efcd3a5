import Datasets
package import JSON
import Manifest

extension PreferenceObjective {
    private enum Name {
        static let chosen = "rewards_chosen"
        static let rejected = "rewards_rejected"
        static let margins = "rewards_margins"
        static let accuracies = "rewards_accuracies"
        static let chosenLikelihood = "logps_chosen"
        static let rejectedLikelihood = "logps_rejected"
        static let tokenLoss = "token_loss"
        static let likelihood = Measures.lossPart + "likelihood"
    }

    package var columns: [String] { [Name.chosen, Name.rejected, Name.margins, Name.accuracies] }
    package var replayed: String { Name.tokenLoss }

    package func figures(_ measures: Measures) -> [Double?] {
        columns.map { name in
            // Of single answers the margin is between the two means.
            if isOfSingleAnswers, name == Name.margins {
                let (chosen, rejected) = (measures[Name.chosen], measures[Name.rejected])
                return chosen.weight > 0 && rejected.weight > 0 ? chosen.mean - rejected.mean : nil
            }
            return measures[name].weight > 0 ? measures[name].mean : nil
        }
    }

    /// One answer of a batch, as its program has computed it.
    private struct Answer {
        var rows: Range<Int>
        var other: Int
        var reference: Double
        var side: Double
        var likelihoodWeight: Double
        var weight: Double
        /// The sum of the tokens' log-probabilities.
        var sum: Double
        var mean: Double { sum / Double(max(1, rows.count)) }
    }

    private func answers(of batch: PackedBatch, _ losses: [Float]) -> [Answer] {
        func numbers(_ name: String) -> [Int32] { batch.rowInputs.first { $0.name == name }?.numbers ?? [] }
        let (begins, ends, others) = (numbers(Input.begins), numbers(Input.ends), numbers(Input.others))
        guard let answers = batch.rowWeights.first(where: { $0.name == Input.answers })?.numbers else { return [] }
        return begins.indices.prefix { begins[$0] >= 0 }.map { index in
            let rows = Int(begins[index])..<max(Int(begins[index]), Int(ends[index]))
            let four = answers[4 * index..<4 * index + 4].map { Double($0) }
            return Answer(
                rows: rows, other: Int(others[index]), reference: four[0], side: four[1], likelihoodWeight: four[2], weight: four[3],
                sum: rows.reduce(0.0) { $0 - Double(losses[$1]) })
        }
    }

    /// What an answer is worth to the model that is trained, as beta counts.
    private func reward(_ answer: Answer) -> Double {
        settings.usedBeta * (hasReference ? answer.sum - answer.reference : answer.mean)
    }

    /// Whether the preferred answer is worth more, beyond what rounding says: another division into
    /// micro-batches moves a sum of log-probabilities by a few parts in ten million.
    private func isRight(_ chosen: Answer, _ rejected: Answer) -> Bool {
        guard hasReference else { return reward(chosen) > reward(rejected) }
        let magnitude = abs(chosen.sum) + abs(chosen.reference) + abs(rejected.sum) + abs(rejected.reference)
        return reward(chosen) - reward(rejected) > settings.usedBeta * 1e-6 * magnitude
    }

    package func measures(of batch: PackedBatch, reading read: (String, Int) throws -> [Float]) throws -> Measures {
        let losses = try read(ProgramOutput.losses, batch.trainedCapacity)
        let correct = try read(ProgramOutput.correct, batch.trainedCapacity)
        let pairLosses = try read(Output.pairLosses, batch.trainedCapacity)
        let answers = answers(of: batch, losses)
        var measures = Measures()
        measures.add(Measures.loss, total: answers.indices.reduce(0.0) { $0 + Double(pairLosses[$1]) }, weight: batch.weight)
        for answer in answers {
            let count = Double(answer.rows.count)
            if answer.likelihoodWeight > 0 { measures.add(Name.likelihood, total: -answer.likelihoodWeight * answer.sum, weight: count) }
            guard answer.side != 0 else { continue }
            let isChosen = answer.side > 0
            measures.add(Name.tokenLoss, total: -answer.sum, weight: count)
            measures.add(isChosen ? Name.chosenLikelihood : Name.rejectedLikelihood, total: answer.sum, weight: 1)
            measures.add(isChosen ? Name.chosen : Name.rejected, total: reward(answer), weight: 1)
            guard isChosen else { continue }
            measures.add(Measures.accuracy, total: answer.rows.reduce(0.0) { $0 + (correct[$1] > 0.5 ? 1 : 0) }, weight: count)
            guard answers.indices.contains(answer.other) else { continue }
            let rejected = answers[answer.other]
            measures.add(Name.margins, total: reward(answer) - reward(rejected), weight: 1)
            measures.add(Name.accuracies, total: isRight(answer, rejected) ? 1 : 0, weight: 1)
        }
        return measures
    }

    package func report(_ measures: Measures) -> JSONNode {
        let figures = zip(columns, figures(measures)).compactMap { name, value in value.map { JSONMember(name, JSONNode($0)) } }
        let likelihoods = [Name.chosenLikelihood, Name.rejectedLikelihood].filter { measures[$0].weight > 0 }
        let counts = Int(measures[Name.chosen].weight) + (isOfSingleAnswers ? Int(measures[Name.rejected].weight) : 0)
        return JSONNode(
            [JSONMember("loss", JSONNode(measures.meanLoss))] + figures
                + likelihoods.map { JSONMember($0, JSONNode(measures[$0].mean)) } + [
                    JSONMember("token_accuracy", JSONNode(measures.accuracy)),
                    JSONMember(isOfSingleAnswers ? "examples" : "pairs", JSONNode(counts)),
                ])
    }
}
