import Datasets
import Glibc
import Graph
import JSON
import Models
import Tensors
import Tokenization

/// The objectives whose loss is the cross-entropy of every trained token, given the tokens before
/// it.
protocol NextTokenObjective: Objective {
    /// What is added to the cross-entropy in training.
    var additions: TokenLossAdditions { get }
    /// Whether every example counts alike, and not every token.
    var isPerExample: Bool { get }
    /// Whether there are examples in which some tokens count more than others.
    var hasTokenWeights: Bool { get }
    /// What a teacher says of the rows, in training; nil: there is none.
    func guide(_ pass: LossPass, to graph: inout Graph) throws(GraphError) -> HeadLoss.Guide?
    /// Adds the loss of a micro-batch's rows to what is measured, and its parts where it has some.
    /// - Parameters:
    ///   - sum: the sum of an output over the rows, each multiplied by what it counts.
    ///   - weight: what the rows count together.
    func addLosses(
        of batch: PackedBatch, summing sum: (_ output: String) throws -> Double, weight: Double, to measures: inout Measures
    ) throws
}

extension NextTokenObjective {
    func guide(_ pass: LossPass, to graph: inout Graph) throws(GraphError) -> HeadLoss.Guide? { nil }

    func addLosses(
        of batch: PackedBatch, summing sum: (_ output: String) throws -> Double, weight: Double, to measures: inout Measures
    ) throws {
        measures.add(Measures.loss, total: try sum(ProgramOutput.losses), weight: weight)
    }
}

private enum Input {
    /// `[rows, 1]` float32: what each row counts, where not all count alike.
    static let tokenWeights = "tokenWeights"
}

extension NextTokenObjective {
    package func lossRowCount(of size: SampleSize) -> Int { size.trainedTokenCount }
    package func weight(of sample: Sample) -> Double { isPerExample ? 1 : sample.trainedWeight }

    private var weighsRows: Bool { isPerExample || hasTokenWeights }

    package var rowWeights: [(name: String, width: Int)] { weighsRows ? [(Input.tokenWeights, 1)] : [] }

    package var rowInputs: [String] { [ProgramInput.targets] }

    package func addRows(of sample: Sample, at firstRows: [Int], to rows: inout LossRows) {
        // Of examples that count alike the tokens share what one counts.
        let whole = Float(sample.trainedWeight)
        let share: Float = isPerExample && whole > 0 ? 1 / whole : 1
        for (run, firstRow) in zip(sample.runs, firstRows) {
            for position in run.ids.indices.dropFirst() where run.isTrained[position] {
                rows.rows.append(Int32(truncatingIfNeeded: firstRow + position - 1))
                rows.inputs[0].append(run.ids[position])
                if weighsRows { rows.weights[0].append(share * (run.weights?[position] ?? 1)) }
            }
        }
    }

    package func addLoss(_ pass: LossPass, to graph: inout Graph) throws(GraphError) -> ValueID? {
        let weightSum = pass.accumulator(of: pass.forward.trainedHeadKey, in: &graph)
        let biasSum = pass.accumulator(of: pass.forward.trainedHeadBiasKey, in: &graph)
        let rows = graph.type(of: pass.hidden).rows
        let targets = graph.input(ProgramInput.targets, TensorType(rows: rows, columns: 1, .int32))
        let scale = graph.input(ProgramInput.lossScale, TensorType(rows: 1, columns: 1, .float32))
        let head = HeadLoss(
            forward: pass.forward, chunkRows: pass.chunkRows, additions: additions, guide: try guide(pass, to: &graph))
        var weights: ValueID?
        if weighsRows, pass.isTraining { weights = graph.input(Input.tokenWeights, TensorType(rows: rows, columns: 1, .float32)) }
        // A frozen head's products are as well scaled behind it, where rows are shorter.
        let scalesLogits = weightSum != nil || biasSum != nil
        var slopes: (factors: ValueID, places: ValueID?)?
        if scalesLogits, let weights { slopes = (weights, nil) }
        let result = try head.add(
            to: &graph, hidden: pass.hidden, targets: targets, lossScale: scale, isTraining: pass.isTraining, weightSum: weightSum,
            biasSum: biasSum, slopes: slopes)
        graph.markOutput(result.losses, ProgramOutput.losses)
        graph.markOutput(result.correct, ProgramOutput.correct)
        if let divergences = result.divergences { graph.markOutput(divergences, ProgramOutput.divergences) }
        guard let weights, !scalesLogits, let gradient = result.hiddenGradient else { return result.hiddenGradient }
        return try graph.add(ScaleRows(hasPlaces: false), [gradient, weights], names: ["d hidden"])[0]
    }

    package func measures(of batch: PackedBatch, reading read: (String, Int) throws -> [Float]) throws -> Measures {
        let weights = batch.rowWeights.first { $0.name == Input.tokenWeights }?.numbers
        func sum(_ output: String) throws -> Double {
            let numbers = try read(output, batch.trainedCapacity).prefix(batch.lossRowCount)
            guard let weights else { return numbers.reduce(0.0) { $0 + Double($1) } }
            return zip(numbers, weights).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        }
        var measures = Measures()
        try addLosses(
            of: batch, summing: { try sum($0) }, weight: weights == nil ? Double(batch.lossRowCount) : batch.weight, to: &measures)
        let correct = try read(ProgramOutput.correct, batch.trainedCapacity).prefix(batch.lossRowCount)
        measures.add(Measures.accuracy, total: Double(correct.filter { $0 > 0.5 }.count), weight: Double(batch.lossRowCount))
        return measures
    }

    package func report(_ measures: Measures) -> JSONNode {
        let correct = measures[Measures.accuracy]
        return [
            "loss": JSONNode(measures.meanLoss), "perplexity": JSONNode(exp(measures.meanLoss)),
            "token_accuracy": JSONNode(correct.mean), "tokens": JSONNode(Int(correct.weight)),
            "correct_tokens": JSONNode(Int(correct.total)),
        ]
    }
}
