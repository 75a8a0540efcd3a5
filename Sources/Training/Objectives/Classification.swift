package import Datasets
import Glibc
package import Graph
package import JSON
package import Manifest
package import Models
import Tensors
import Tokenization

/// Classes of texts: a head on the hidden state of a text's last token gives a logit for each
/// class.
///
/// One class a text by softmax, or any number by sigmoids. The loss is the mean over the texts;
/// over texts weighted by their class where classes have weights, over texts and classes where a
/// text may have several.
package struct ClassificationObjective: Objective {
    package static let name = "classification"

    /// The names of the classes; a label is a place in this list.
    package var classes: [String]
    package var isMultiLabel: Bool
    /// What a text of each class counts: of one class its share in the mean, of several what the
    /// class counts where the text has it.
    package var classWeights: [Double]
    /// The share of each target that is divided among all classes.
    package var labelSmoothing: Double
    /// What the weights are to be once the data is known.
    private var wantedWeights = Manifest.Classification.Weights.none

    package init(classes: [String] = [], isMultiLabel: Bool = false, classWeights: [Double]? = nil, labelSmoothing: Double = 0) {
        self.classes = classes
        self.isMultiLabel = isMultiLabel
        self.classWeights = classWeights ?? Array(repeating: 1, count: classes.count)
        self.labelSmoothing = labelSmoothing
    }

    package var purpose: DatasetOptions.Purpose { .classification }

    package func configured(by specification: any Manifest.MethodSpecification) -> any Objective {
        guard let method = specification as? Manifest.Classification else { return self }
        var objective = ClassificationObjective(classes: method.labels, isMultiLabel: method.isMultiLabel)
        objective.wantedWeights = method.classWeights
        return objective
    }

    package func adjust(_ options: inout DatasetOptions) {
        // The whole text says what class it is of.
        options.trainOn = .all
        options.labels = LabelOptions(names: classes, isMultiLabel: isMultiLabel)
    }

    package func fitted(to training: Dataset, validation: Dataset?, classes: [String]) throws(TrainingError) -> any Objective {
        var weights = [Double](repeating: 1, count: classes.count)
        switch wantedWeights {
        case .none: break
        case .balanced:
            // As scikit-learn's; a class without examples counts as if it had one.
            weights = training.labelCounts(classes.count).map { Double(training.count) / Double(classes.count * max(1, $0)) }
        case .named(let numbers):
            if let stray = numbers.keys.sorted().first(where: { !classes.contains($0) }) {
                throw .unknownName(key: "method.classification.class_weights", name: stray, known: classes)
            }
            weights = classes.map { numbers[$0] ?? 1 }
        }
        return ClassificationObjective(
            classes: classes, isMultiLabel: isMultiLabel, classWeights: weights, labelSmoothing: labelSmoothing)
    }

    package func taskHead(seed: UInt64) -> TaskHead? {
        TaskHead(labels: ModelLabels(names: classes, isMultiLabel: isMultiLabel), seed: seed)
    }

    package func lossRowCount(of size: SampleSize) -> Int { size.runCount }

    package func weight(of sample: Sample) -> Double {
        let labels = sample.labels ?? []
        if isMultiLabel { return Double(sample.weight) * Double(classes.count) }
        return Double(sample.weight) * labels.reduce(0) { $0 + (classWeights.indices.contains($1) ? classWeights[$1] : 0) }
    }

    package var rowInputs: [String] { [] }

    private enum Input {
        static let positive = "positive"
        static let negative = "negative"
    }
    private enum Output {
        static let losses = "losses"
        static let logits = "logits"
    }

    package var rowWeights: [(name: String, width: Int)] {
        [(Input.positive, classes.count)] + (isMultiLabel ? [(Input.negative, classes.count)] : [])
    }

    package func addRows(of sample: Sample, at firstRows: [Int], to rows: inout LossRows) {
        let labels = Set(sample.labels ?? [])
        for (run, firstRow) in zip(sample.runs, firstRows) {
            rows.rows.append(Int32(truncatingIfNeeded: firstRow + run.ids.count - 1))
            for index in classes.indices {
                let isOne = labels.contains(index)
                if isMultiLabel {
                    rows.weights[0].append(isOne ? sample.weight * Float(classWeights[index]) : 0)
                    rows.weights[1].append(isOne ? 0 : sample.weight)
                } else {
                    let target = (isOne ? 1 - labelSmoothing : 0) + labelSmoothing / Double(classes.count)
                    rows.weights[0].append(Float(weight(of: sample) * target))
                }
            }
        }
    }

    package func addLoss(_ pass: LossPass, to graph: inout Graph) throws(GraphError) -> ValueID? {
        let type = graph.type(of: pass.hidden)
        let weights = TensorType(rows: type.rows, columns: classes.count, .float32)
        let positive = graph.input(Input.positive, weights)
        let scale = graph.input(ProgramInput.lossScale, TensorType(rows: 1, columns: 1, .float32))
        let negative = isMultiLabel ? [graph.input(Input.negative, weights)] : []
        let product = MatrixProduct(transposesB: true, outputType: .float32)
        let logits = try graph.add(product, [pass.hidden, pass.forward.headWeight], names: ["logits"])[0]
        let operation = ClassLoss(isMultiLabel ? .sigmoid : .softmax, gradientType: pass.isTraining ? type.elementType : nil)
        let results = try graph.add(operation, [logits, positive, scale] + negative, names: ["losses", "d logits"])
        graph.markOutput(logits, Output.logits)
        graph.markOutput(results[0], Output.losses)
        guard pass.isTraining else { return nil }
        if let head = pass.accumulator(of: pass.forward.trainedHeadKey, in: &graph) {
            let sum = try graph.add(MatrixProduct(transposesA: true, hasAddend: true), [results[1], pass.hidden, head.value])[0]
            graph.store(sum, into: head.key)
        }
        return try graph.add(
            MatrixProduct(outputType: type.elementType), [results[1], pass.forward.headWeight], names: ["d hidden"])[0]
    }

    package func measures(of batch: PackedBatch, reading read: (String, Int) throws -> [Float]) throws -> Measures {
        let losses = try read(Output.losses, batch.trainedCapacity)
        let logits = try read(Output.logits, batch.trainedCapacity * classes.count)
        var measures = Measures()
        measures.add(
            Measures.loss, total: (0..<batch.lossRowCount).reduce(0.0) { $0 + Double(losses[$1]) }, weight: batch.weight)
        for row in 0..<batch.lossRowCount {
            let range = row * classes.count..<(row + 1) * classes.count
            let (scores, labels) = (Array(logits[range]), batch.labels[row])
            measures.add(Measures.Scored(labels: labels, logits: scores))
            if isMultiLabel {
                let isRight = scores.indices.allSatisfy { (scores[$0] > 0) == labels.contains($0) }
                measures.add(Measures.accuracy, total: isRight ? 1 : 0, weight: 1)
            } else if let wanted = labels.first {
                let found = Self.largest(scores)
                measures.add(Measures.accuracy, total: found == wanted ? 1 : 0, weight: 1)
                measures.add(Self.confusion(wanted, found), total: 1, weight: 1)
            }
        }
        return measures
    }

    /// The place of the largest number, the first of equals.
    package static func largest(_ numbers: [Float]) -> Int {
        numbers.indices.reduce(0) { numbers[$1] > numbers[$0] ? $1 : $0 }
    }

    /// The measure that counts texts of one class for which another was found.
    private static func confusion(_ label: Int, _ found: Int) -> String { "confusion/\(label)/\(found)" }

    package func report(_ measures: Measures) -> JSONNode {
        let accuracy = measures[Measures.accuracy]
        var members: [JSONMember] = [
            JSONMember("loss", JSONNode(measures.meanLoss)), JSONMember("accuracy", JSONNode(accuracy.mean)),
            JSONMember("examples", JSONNode(Int(accuracy.weight))),
        ]
        if isMultiLabel {
            members += MultiLabelReport(measures.scored, classCount: classes.count).members(classes)
        } else {
            members += self.confusion(measures).members(classes)
            if !measures.scored.isEmpty {
                members.append(JSONMember("expected_calibration_error", JSONNode(CalibrationError.expected(of: measures.scored))))
            }
        }
        return JSONNode(members)
    }

    private func confusion(_ measures: Measures) -> ClassificationReport {
        ClassificationReport(
            confusion: classes.indices.map { label in classes.indices.map { Int(measures[Self.confusion(label, $0)].total) } })
    }

    /// The mean over classes of F1.
    package func macroF1(_ measures: Measures) -> Double {
        isMultiLabel ? MultiLabelReport(measures.scored, classCount: classes.count).macro.f1 : confusion(measures).macro.f1
    }

    package var columns: [String] { ["macro_f1"] }

    package func figures(_ measures: Measures) -> [Double?] { [measures.scored.isEmpty ? nil : macroF1(measures)] }

    /// The probability of each class: of one class they add up to 1, of several each stands alone.
    package func probabilities(_ logits: [Float]) -> [Double] {
        isMultiLabel ? logits.map { 1 / (1 + exp(-Double($0))) } : CalibrationError.softmax(logits)
    }
}
