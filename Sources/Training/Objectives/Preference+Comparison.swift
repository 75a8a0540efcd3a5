package import Datasets
import Manifest
package import Tokenization

extension PreferenceObjective {
    package var referenceCount: Int { hasReference ? 2 : 0 }

    package func comparedRuns(of sample: Sample, neighbour: Sample) -> [TokenizedExample] {
        guard hasReference else { return [] }
        return sample.runs + (probe(of: sample, neighbour: neighbour).map { [$0] } ?? [])
    }

    /// Of single answers: the prompt with the answer to another one, whose log-probability says how
    /// far the model has moved in general.
    package func probe(of sample: Sample, neighbour: Sample) -> TokenizedExample? {
        guard isOfSingleAnswers, let run = sample.runs.first, let other = neighbour.runs.first else { return nil }
        let prompt = run.ids.prefix(run.isTrained.firstIndex(of: true) ?? run.ids.count)
        let answer = other.ids.suffix(from: other.isTrained.firstIndex(of: true) ?? other.ids.count)
        return TokenizedExample(
            ids: Array(prompt + answer), isTrained: prompt.map { _ in false } + answer.indices.map { other.isTrained[$0] })
    }

    package func batchNumbers(of samples: [Sample], probes: [Double]) -> [Float] {
        var ratio = 0.0
        if likelihoodWeight > 0, !isOfSingleAnswers {
            let tokens = samples.reduce(0) { sum, sample in
                guard let run = sample.runs.first else { return sum }
                return sum + (settings.loss == .orpoFullLikelihood ? max(0, run.ids.count - 1) : run.trainedTokenCount)
            }
            ratio = samples.reduce(0) { $0 + weight(of: $1) } / Double(max(1, tokens))
        }
        // How much likelier the answers to other prompts have become; nothing flows back from here.
        var gain = 0.0
        for (sample, probe) in zip(samples, probes) { gain += probe - (sample.references?.dropFirst().first ?? 0) }
        return [Float(ratio), Float(max(0, gain / Double(max(1, probes.count))))]
    }
}
