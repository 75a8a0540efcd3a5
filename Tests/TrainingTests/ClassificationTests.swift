import CPUBackend
import Datasets
import Graph
import JSON
import Manifest
import Models
import Tensors
import TestSupport
import Testing
import Tokenization
import Training
import VulkanBackend

@Suite(.serialized) struct ClassificationTests {
    private static let classes = ["animal", "place", "plant", "toy"]

    /// The batch of the reference, and what it computed for each form of the loss.
    private struct Golden {
        let tensors: [String: StoredTensor]
        let figures: JSONNode

        init(_ set: ReferenceSet) throws {
            let file = try SafetensorsFile(path: set.path("classification/one-batch/golden.safetensors"))
            tensors = Dictionary(file.tensors.map { ($0.name, $0) }) { first, _ in first }
            figures = try set.json("classification/one-batch/golden.json")
        }

        func integers(_ name: String) throws -> [Int] {
            let tensor = try #require(tensors[name])
            let start = try #require(tensor.bytes.baseAddress)
            return (0..<tensor.elementCount).map { Int(start.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
        }

        func numbers(_ name: String) throws -> [Double] { try #require(tensors[name]).floats().map { Double($0) } }

        func samples(isMultiLabel: Bool) throws -> [Sample] {
            let (ids, mask, labels) = try (integers("input_ids"), integers("attention_mask"), integers("label"))
            let several = try isMultiLabel ? numbers("multi_label") : []
            let width = ids.count / labels.count
            return labels.indices.map { row in
                let range = row * width..<(row + 1) * width
                let tokens = zip(ids[range], mask[range]).filter { $0.1 == 1 }.map { Int32($0.0) }
                let own = isMultiLabel ? classes.indices.filter { several[row * classes.count + $0] > 0 } : [labels[row]]
                return Sample([TokenizedExample(ids: tokens, isTrained: tokens.map { _ in true })], labels: own)
            }
        }
    }

    private static func objective(_ form: String, _ golden: Golden) throws -> ClassificationObjective {
        switch form {
        case "cross_entropy_class_weights": ClassificationObjective(classes: classes, classWeights: try golden.numbers("class_weights"))
        case "cross_entropy_label_smoothing": ClassificationObjective(classes: classes, labelSmoothing: 0.1)
        case "multi_label": ClassificationObjective(classes: classes, isMultiLabel: true)
        case "multi_label_pos_weight":
            ClassificationObjective(classes: classes, isMultiLabel: true, classWeights: try golden.numbers("pos_weight"))
        default: ClassificationObjective(classes: classes)
        }
    }

    /// Loss, gradient norm and every gradient of one batch, within the bounds of the reference
    /// data's README.
    private static func compare(_ form: String, of set: ReferenceSet, on device: any ComputeDevice) throws {
        let golden = try Golden(set)
        let objective = try objective(form, golden)
        let folder = set.chatModel
        let model = try LanguageModel(
            ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)),
            training: .adapter(AdapterSettings(rank: 2, alpha: 4, targets: .allLinear), seed: 1), maximumLength: 128,
            head: TaskHead(outputs: classes.count, seed: 1), pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        let samples = try golden.samples(isMultiLabel: objective.isMultiLabel)
        let size = ProgramSize(roundingUp: samples.reduce(0) { $0 + $1.size.tokenCount }, samples.count)
        let session = try TrainingSession(
            device: device, programs: Programs(model: model, optimizer: AdamWOptimizer(), objective: objective), largest: size)
        for parameter in model.trainables.parameters {
            let name = String(parameter.key.dropFirst("base_model.model.".count))
            let initial = golden.tensors["init." + name] ?? golden.tensors["init." + String(name.dropLast(".weight".count))]
            try model.write(try #require(initial, "\(name)").floats(), parameter.key, session.persistent)
        }
        let batch = PackedBatch(
            samples, for: objective, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount, window: nil,
            rotary: model.rotaryRows)
        let evaluation = try session.evaluate(batch)
        let measures = try session.addGradients(of: batch, batchWeight: batch.weight, seed: 1, step: 1, microBatch: 0)
        let wanted = try #require(golden.figures["losses"]?[form])
        let loss = try #require(wanted["loss"]?.double)
        #expect(abs(measures.meanLoss - loss) < 2e-5, "\(form): loss \(measures.meanLoss), reference \(loss)")
        #expect(abs(evaluation.meanLoss - measures.meanLoss) < 1e-6)
        #expect(measures[Measures.accuracy].weight == Double(samples.count))
        var compared = 0
        for parameter in model.trainables.parameters {
            let name = String(parameter.key.dropFirst("base_model.model.".count))
            let reference =
                golden.tensors["\(form).grad." + name] ?? golden.tensors["\(form).grad." + String(name.dropLast(".weight".count))]
            let expected = try #require(reference, "\(name)").floats()
            let gradient = try #require(model.trainables.tensor(of: parameter.key, .gradient))
            let found = try model.read(gradient.key, session.persistent)
            let largest = expected.map { abs($0) }.max() ?? 0
            let error = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
            #expect(found.count == expected.count && error <= 2e-4 * largest, "\(form) \(name): off by \(error) of \(largest)")
            compared += 1
        }
        #expect(compared == 14 * model.configuration.layerCount + 1, "seven linear layers each, two matrices each, and the head")
        let norm = try session.update(learningRate: 0, step: 1)
        let reference = try #require(wanted["grad_norm"]?.double)
        #expect(abs(norm - reference) < 2e-4 * reference, "\(form): norm \(norm), reference \(reference)")
    }

    private static let forms = [
        "cross_entropy", "cross_entropy_class_weights", "cross_entropy_label_smoothing", "multi_label", "multi_label_pos_weight",
    ]
    private static let isVulkanThere = (try? VulkanDevice()) != nil

    @Test(arguments: forms, ReferenceSet.available) func aBatchOnTheProcessorIsTheReferences(form: String, set: ReferenceSet) throws {
        try Self.compare(form, of: set, on: CPUDevice())
    }

    @Test(.enabled(if: isVulkanThere, "there is no Vulkan device"), arguments: forms, ReferenceSet.available)
    func aBatchOnVulkanIsTheReferences(form: String, set: ReferenceSet) throws {
        try Self.compare(form, of: set, on: VulkanDevice())
    }

    @Test(arguments: ReferenceSet.available) func theReportIsScikitLearns(set: ReferenceSet) throws {
        let tables = try #require(try set.json("classification/metrics.json")["single_label"]?.array)
        for table in tables {
            let matrix = try #require(table["confusion_matrix"]?.array).map { ($0.array ?? []).compactMap(\.integer) }
            let names = matrix.indices.map { "class \($0)" }
            let objective = ClassificationObjective(classes: names)
            var measures = Measures()
            for (label, row) in matrix.enumerated() {
                for (found, count) in row.enumerated() {
                    measures.add("confusion/\(label)/\(found)", total: Double(count), weight: Double(count))
                    measures.add(Measures.accuracy, total: label == found ? Double(count) : 0, weight: Double(count))
                }
            }
            let report = objective.report(measures)
            func expect(_ found: JSONNode?, _ wanted: JSONNode?, _ what: String) throws {
                for key in ["precision", "recall", "f1"] {
                    let (one, other) = (try #require(found?[key]?.double), try #require(wanted?[key]?.double))
                    #expect(abs(one - other) < 1e-12, "\(what) \(key): \(one), scikit-learn \(other)")
                }
            }
            for key in ["macro", "micro", "weighted"] { try expect(report[key], table[key], key) }
            for (index, wanted) in (table["per_class"]?.array ?? []).enumerated() {
                try expect(report["per_class"]?[names[index]], wanted, names[index])
                #expect(report["per_class"]?[names[index]]?["support"]?.integer == wanted["support"]?.integer)
            }
            #expect(abs((report["accuracy"]?.double ?? -1) - (table["accuracy"]?.double ?? 0)) < 1e-12)
        }
    }

    /// Several labels a sample: what counts decisions, and what depends on the order of scores.
    @Test func theReportOfSeveralLabelsIsScikitLearns() throws {
        let tables = try #require(try ReferenceSet.own.json("classification/scores.json")["multi_label"]?.array)
        for table in tables {
            let why = table["why"]?.string ?? ""
            let logits = (table["logits"]?.array ?? []).map { ($0.array ?? []).compactMap { $0.double.map { Float($0) } } }
            let truth = (table["true"]?.array ?? []).map { ($0.array ?? []).compactMap(\.integer) }
            let names = (logits.first ?? []).indices.map { "class \($0)" }
            var measures = Measures()
            for (row, labels) in zip(logits, truth) {
                let isRight = zip(row, labels).allSatisfy { ($0 > 0) == ($1 == 1) }
                measures.add(Measures.Scored(labels: labels.indices.filter { labels[$0] == 1 }, logits: row))
                measures.add(Measures.accuracy, total: isRight ? 1 : 0, weight: 1)
            }
            let report = ClassificationObjective(classes: names, isMultiLabel: true).report(measures)
            func expect(_ found: JSONNode?, _ wanted: JSONNode?, _ keys: [String], _ what: String) throws {
                for key in keys {
                    let (one, other) = (try #require(found?[key]?.double), try #require(wanted?[key]?.double))
                    #expect(abs(one - other) < 1e-12, "\(why), \(what) \(key): \(one), scikit-learn \(other)")
                }
            }
            try expect(report, table, ["accuracy", "element_accuracy"], "all")
            for kind in ["macro", "micro", "weighted", "samples"] {
                try expect(report[kind], table[kind], ["precision", "recall", "f1"], kind)
            }
            let classes = try #require(table["per_class"]?.array)
            for (name, wanted) in zip(names, classes) {
                try expect(report["per_class"]?[name], wanted, ["precision", "recall", "f1", "support", "average_precision"], name)
            }
            let writer = JSONWriter()
            #expect(report["confusion_matrix"].map(writer.string) == table["confusion_matrix"].map(writer.string))
        }
        #expect(tables.count == 3)
    }

    @Test func theCalibrationErrorIsTheReferences() throws {
        let table = try #require(try ReferenceSet.own.json("classification/scores.json")["calibration"])
        let samples = zip(table["label"]?.array ?? [], table["logits"]?.array ?? []).map { label, logits in
            Measures.Scored(labels: [label.integer ?? 0], logits: (logits.array ?? []).compactMap { $0.double.map { Float($0) } })
        }
        let wanted = try #require(table["expected_calibration_error"]?.double)
        // The reference's logits are doubles; to a float they are off in the eighth digit.
        #expect(abs(CalibrationError.expected(of: samples) - wanted) < 1e-6 && samples.count == 80)
    }

    /// In a clone: what a head learns from the colours of animals it says again, and a step moves
    /// the head too.
    @Test func aHeadLearnsTheClassesOfAFewTexts() throws {
        let encoder = try ChatEncoder(folder: TinyRun.demo.model)
        let texts = [("The hen is brown.", 0), ("The frog croaks.", 1), ("The hen is red.", 0), ("The frog sings.", 1)]
        let samples = texts.map { text, label in
            let ids = encoder.tokenizer.encode(text, addSpecialTokens: true)
            return Sample([TokenizedExample(ids: ids, isTrained: ids.map { _ in true })], labels: [label])
        }
        let objective = ClassificationObjective(classes: ["colour", "voice"])
        let model = try LanguageModel(
            ModelConfiguration(folder: TinyRun.demo.model), source: .checkpoint(Checkpoint(folder: TinyRun.demo.model)),
            training: .adapter(AdapterSettings(rank: 2, alpha: 4), seed: 1), maximumLength: 32, head: TaskHead(outputs: 2, seed: 1))
        let size = ProgramSize(roundingUp: samples.reduce(0) { $0 + $1.size.tokenCount }, samples.count)
        let session = try TrainingSession(
            device: CPUDevice(), programs: Programs(model: model, optimizer: AdamWOptimizer(), objective: objective), largest: size)
        let batch = PackedBatch(
            samples, for: objective, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount, window: nil,
            rotary: model.rotaryRows)
        let key = "base_model.model.score.weight"
        let (before, head) = (try session.evaluate(batch).meanLoss, try model.read(key, session.persistent))
        for step in 1...30 {
            _ = try session.addGradients(of: batch, batchWeight: batch.weight, seed: 1, step: step, microBatch: 0)
            _ = try session.update(learningRate: 1e-2, step: step)
        }
        let after = try session.evaluate(batch)
        #expect(after.meanLoss < 0.1 * before && after.accuracy == 1, "loss \(before) before, \(after.meanLoss) after")
        #expect(try model.read(key, session.persistent) != head)
        #expect(objective.report(after)["confusion_matrix"] != nil)
    }
}
