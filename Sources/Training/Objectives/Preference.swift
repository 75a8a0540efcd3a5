package import Datasets
package import Graph
package import Manifest
import Models
import Tensors
import Tokenization

/// Preference tuning: of two answers to a prompt the preferred one becomes likelier than the other,
/// measured against what the model said before training; see ``PreferenceLoss`` for the forms.
///
/// A pair is a sample of two runs, an answer that is judged by itself (`kto`) a sample of one. Both
/// runs of a pair are in one micro-batch, so its loss and its gradient come out of one pass: the
/// head gives each token's loss and the gradient for it, which then is scaled by the slope of the
/// pair's loss. Where the head itself is trained, it runs a second time for that.
package struct PreferenceObjective: ComparingObjective {
    package static let name = Manifest.Preference.word
    package var settings: Manifest.Preference

    package init(_ settings: Manifest.Preference = Manifest.Preference()) { self.settings = settings }

    package func configured(by specification: any Manifest.MethodSpecification) -> any Objective {
        PreferenceObjective(specification as? Manifest.Preference ?? settings)
    }

    package var purpose: DatasetOptions.Purpose { isOfSingleAnswers ? .judgedAnswers : .pairs }

    var isOfSingleAnswers: Bool { settings.loss == .kto }
    /// Whether the tokens of preferred prompts count in the likelihood.
    private var countsPrompts: Bool { settings.loss == .orpoFullLikelihood }
    /// The weight of the likelihood of preferred answers.
    var likelihoodWeight: Double {
        switch settings.loss {
        case .orpo, .orpoFullLikelihood: 1
        default: settings.sftWeight
        }
    }
    var hasReference: Bool {
        switch settings.loss {
        case .simpo, .orpo, .orpoFullLikelihood: false
        case .sigmoid, .ipo, .ipoSum, .kto: true
        }
    }

    /// The prompt of a preferred answer counts by itself where its likelihood does.
    package func lossRowCount(of size: SampleSize) -> Int { countsPrompts ? size.tokenCount : size.trainedTokenCount }
    package func weight(of sample: Sample) -> Double { Double(sample.weight) }

    enum Input {
        static let segments = "segments"
        static let begins = "segmentBegins"
        static let ends = "segmentEnds"
        static let others = "otherSegments"
        static let answers = "answers"
    }
    enum Output { static let pairLosses = "pairLosses" }

    package var rowInputs: [String] { [ProgramInput.targets, Input.segments, Input.begins, Input.ends, Input.others] }
    package var rowWeights: [(name: String, width: Int)] { [(Input.answers, 4)] }

    package func addRows(of sample: Sample, at firstRows: [Int], to rows: inout LossRows) {
        let first = rows.inputs[2].count
        for (index, (run, firstRow)) in zip(sample.runs, firstRows).enumerated() {
            let isPreferred = isOfSingleAnswers ? sample.labels != [0] : index == 0
            let likelihood = isPreferred && !isOfSingleAnswers ? Float(likelihoodWeight) : 0
            add(
                run.ids.indices.dropFirst().filter { run.isTrained[$0] }, of: run, at: firstRow,
                other: sample.runs.count < 2 ? -1 : first + 1 - index,
                answer: [Float(sample.references?.dropFirst(index).first ?? 0), isPreferred ? 1 : -1, likelihood, sample.weight], to: &rows)
        }
        guard countsPrompts, let run = sample.runs.first, let firstRow = firstRows.first else { return }
        add(
            run.ids.indices.dropFirst().filter { !run.isTrained[$0] }, of: run, at: firstRow, other: -1,
            answer: [0, 0, Float(likelihoodWeight), sample.weight], to: &rows)
    }

    /// Lists a segment: tokens of a run by their positions, each of which the row before predicts.
    private func add(_ positions: [Int], of run: TokenizedExample, at firstRow: Int, other: Int, answer: [Float], to rows: inout LossRows) {
        guard !positions.isEmpty else { return }
        let segment = rows.inputs[2].count
        rows.inputs[2].append(Int32(truncatingIfNeeded: rows.rows.count))
        for position in positions {
            rows.rows.append(Int32(truncatingIfNeeded: firstRow + position - 1))
            rows.inputs[0].append(run.ids[position])
            rows.inputs[1].append(Int32(truncatingIfNeeded: segment))
        }
        rows.inputs[3].append(Int32(truncatingIfNeeded: rows.rows.count))
        rows.inputs[4].append(Int32(truncatingIfNeeded: other))
        rows.weights[0] += answer
    }

    private var operation: PreferenceLoss {
        let form: PreferenceLoss.Form =
            switch settings.loss {
            case .sigmoid: .sigmoid
            case .ipo: .ipo
            case .ipoSum: .ipoSum
            case .simpo: .simpo
            case .orpo, .orpoFullLikelihood: .orpo
            case .kto: .kto
            }
        return PreferenceLoss(
            form, beta: Float(settings.usedBeta), smoothing: Float(settings.labelSmoothing), gamma: Float(settings.gamma),
            desirable: Float(settings.desirableWeight), undesirable: Float(settings.undesirableWeight))
    }

    package func addLoss(_ pass: LossPass, to graph: inout Graph) throws(GraphError) -> ValueID? {
        let weightSum = pass.accumulator(of: pass.forward.trainedHeadKey, in: &graph)
        let biasSum = pass.accumulator(of: pass.forward.trainedHeadBiasKey, in: &graph)
        let rows = graph.type(of: pass.hidden).rows
        let column = TensorType(rows: rows, columns: 1, .int32)
        let targets = graph.input(ProgramInput.targets, column)
        let scale = graph.input(ProgramInput.lossScale, TensorType(rows: 1, columns: 1, .float32))
        let places = graph.input(Input.segments, column)
        let segments = [Input.begins, Input.ends, Input.others].map { graph.input($0, column) }
        let answers = graph.input(Input.answers, TensorType(rows: rows, columns: 4, .float32))
        let batch = graph.input(ProgramInput.batchNumbers, TensorType(rows: 1, columns: 2, .float32))
        let head = HeadLoss(forward: pass.forward, chunkRows: pass.chunkRows)
        // What a trained head receives depends on the slopes, which depend on all losses.
        let runsTwice = weightSum != nil || biasSum != nil
        let first = try head.add(
            to: &graph, hidden: pass.hidden, targets: targets, lossScale: scale, isTraining: pass.isTraining && !runsTwice, weightSum: nil,
            biasSum: nil)
        let results = try graph.add(operation, [first.losses] + segments + [answers, batch], names: ["pair losses", "slopes"])
        graph.markOutput(first.losses, ProgramOutput.losses)
        graph.markOutput(first.correct, ProgramOutput.correct)
        graph.markOutput(results[0], Output.pairLosses)
        guard pass.isTraining else { return nil }
        if let gradient = first.hiddenGradient {
            return try graph.add(ScaleRows(), [gradient, results[1], places], names: ["d hidden"])[0]
        }
        return try head.add(
            to: &graph, hidden: pass.hidden, targets: targets, lossScale: scale, isTraining: true, weightSum: weightSum, biasSum: biasSum,
            slopes: (results[1], places)
        ).hiddenGradient
    }
}
