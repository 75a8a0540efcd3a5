import Devices
import Foundation
import JSON
import Jobs
import Models
import Spool
import Storage
import Tensors
import TestSupport
import Testing
import Training
import Worker

/// Whole jobs that train a head for classes.
@Suite(.serialized) struct ClassificationJobTests {
    /// What a few animals of the demonstration do, and of which kind each sentence is.
    private static let texts = [
        ("The hen is brown.", "colour"), ("The frog croaks.", "voice"), ("The hen is red.", "colour"), ("The frog sings.", "voice"),
        ("The pig is pink.", "colour"), ("The pig grunts.", "voice"), ("The swan is white.", "colour"), ("The mouse squeaks.", "voice"),
        ("The swan eats grass.", "food"), ("The pig eats turnips.", "food"), ("The hen eats corn.", "food"),
    ]

    private static func lines(_ record: (String, String) -> JSONNode) -> String {
        texts.map { JSONWriter().string(record($0, $1)) + "\n" }.joined()
    }

    private static func file(_ text: String) throws -> String {
        let path = NSTemporaryDirectory() + "tala-labels-\(UUID().uuidString).jsonl"
        try DurableFiles.replace(path, with: text)
        return path
    }

    private static func changes(_ settings: [String: JSONNode] = [:], epochs: Int = 4, lora: Bool = true) -> [String: JSONNode] {
        let hyperparameters: JSONNode = ["n_epochs": JSONNode(epochs), "batch_size": 4, "learning_rate": lora ? 5e-3 : 1e-3]
        let members = [JSONMember("hyperparameters", hyperparameters)] + settings.map { JSONMember($0.key, $0.value) }
        return [
            "method": ["type": "classification", "classification": JSONNode(members)], "schedule": ["type": "constant"],
            "adapter": lora ? ["type": "lora", "rank": 4, "alpha": 8] : ["type": "full"], "shuffle": true,
        ]
    }

    private static func evaluation(_ job: ReferenceJob) throws -> JSONNode {
        try #require(try JSONParser().parse(job.resultBytes("evaluation.json"))["validation"])
    }

    @Test(arguments: [true, false]) func aJobLearnsItsClassesAndItsResultNamesThem(lora: Bool) throws {
        let data = try Self.file(Self.lines { ["text": JSONNode($0), "label": JSONNode($1)] })
        let job = try ReferenceJob(lora: lora, data: data, changes: Self.changes(epochs: 12, lora: lora))
        defer {
            job.remove()
            FolderListing.delete(data)
        }
        #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        let report = try Self.evaluation(job)
        #expect(report["accuracy"]?.double == 1 && report["macro"]?["f1"]?.double == 1)
        #expect(report["per_class"]?.object?.map(\.key) == ["colour", "food", "voice"])
        #expect(report["expected_calibration_error"]?.double != nil)
        #expect(job.metrics.last?["full_valid_macro_f1"] == 1 && job.metrics.last?["full_valid_mean_token_accuracy"] == 1)
        let folder = lora ? "merged" : "model"
        let configuration = try JSONParser().parse(job.resultBytes(folder + "/config.json"))
        #expect(configuration["architectures"]?.array?.first?.string == "LlamaForSequenceClassification")
        #expect(configuration["id2label"]?["1"]?.string == "food" && configuration["label2id"]?["voice"]?.integer == 2)
        #expect(configuration["problem_type"]?.string == "single_label_classification")
        let tensors = try SafetensorsFile(path: job.folder.result + "/\(folder)/model.safetensors").tensors
        #expect(tensors.first { $0.name == "score.weight" }?.shape == [3, 128] && !tensors.contains { $0.name == "lm_head.weight" })
        if lora {
            let adapter = try JSONParser().parse(job.resultBytes("adapter/adapter_config.json"))
            #expect(adapter["task_type"]?.string == "SEQ_CLS" && adapter["modules_to_save"]?.array?.first?.string == "score")
            #expect(try AdapterFolder(job.folder.result + "/adapter").headOutputs == 3)
        }
        // What was written tells the classes as anybody would ask for them.
        let classifier = try TextClassifier(folder: job.folder.result + "/" + folder, device: Devices.make("cpu", replaced: { _ in }))
        let answers = try classifier.classify(Self.texts.map { classifier.tokens(of: $0.0) })
        #expect(answers.map(\.labels) == Self.texts.map { [$0.1] })
        #expect(answers.allSatisfy { abs($0.probabilities.reduce(0, +) - 1) < 1e-12 })
    }

    /// Killed in the middle, with a checkpoint and without: the same bytes, head included.
    @Test(arguments: [true, false]) func aJobStoppedAtAnyStepEndsInTheSameBytes(lora: Bool) throws {
        let data = try Self.file(
            Self.lines { ["messages": [["role": "user", "content": JSONNode($0)]], "labels": [JSONNode($1), "all"]] })
        let settings: [String: JSONNode] = ["multi_label": true, "class_weights": "balanced"]
        let changes = Self.changes(settings, lora: lora).merging(["checkpoint": ["every_steps": 4]]) { $1 }
        let (whole, cut) = (
            try ReferenceJob(lora: lora, data: data, changes: changes), try ReferenceJob(lora: lora, data: data, changes: changes)
        )
        defer {
            whole.remove()
            cut.remove()
            FolderListing.delete(data)
        }
        #expect(try whole.run() == .succeeded, "\(whole.folder.status()?.error?.message ?? "")")
        for limit in [2, 5] { #expect(try cut.run(stop: { (cut.metrics.last?["step"] ?? 0) >= Double(limit) }) == .stopped) }
        #expect(try cut.run() == .succeeded)
        let file = lora ? "adapter/adapter_model.safetensors" : "model/model.safetensors"
        #expect(try whole.resultBytes(file) == cut.resultBytes(file))
        #expect(try whole.resultBytes("evaluation.json") == cut.resultBytes("evaluation.json"))
        #expect(whole.metrics.map { $0["train_loss"] } == cut.metrics.map { $0["train_loss"] })
        #expect(whole.metrics.map { $0["full_valid_macro_f1"] } == cut.metrics.map { $0["full_valid_macro_f1"] })
        let report = try Self.evaluation(whole)
        #expect(report["per_class"]?["all"]?["average_precision"]?.double == 1)
        #expect(report["samples"] != nil && report["confusion_matrix"]?.array?.count == 4)
    }

    /// A job goes on from the result of another: the merged classifier's head, and the adapter's.
    @Test func aJobGoesOnFromAnothersResult() throws {
        let data = try Self.file(Self.lines { ["text": JSONNode($0), "label": JSONNode($1)] })
        let first = try ReferenceJob(lora: true, data: data, changes: Self.changes(epochs: 12))
        defer {
            first.remove()
            FolderListing.delete(data)
        }
        #expect(try first.run() == .succeeded, "\(first.folder.status()?.error?.message ?? "")")
        let reached = try #require(try Self.evaluation(first)["loss"]?.double)
        var changes = Self.changes(epochs: 1)
        let fromModel = try ReferenceJob(lora: true, model: first.folder.result + "/merged", data: data, changes: changes)
        changes["adapter"] = ["type": "lora", "rank": 4, "alpha": 8, "init_from": "first"]
        let fromAdapter = try ReferenceJob(
            lora: true, data: data, initialAdapter: first.folder.result + "/adapter", changes: changes)
        defer {
            fromModel.remove()
            fromAdapter.remove()
        }
        for job in [fromModel, fromAdapter] {
            #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
            let loss = try #require(job.metrics.first?["train_loss"])
            #expect(loss < 4 * reached + 0.05, "the first step's loss is \(loss), the other job had reached \(reached)")
        }
    }

    @Test func weightsForAClassThatIsNotThereAreAnErrorOfTheirKey() throws {
        let data = try Self.file(Self.lines { ["text": JSONNode($0), "label": JSONNode($1)] })
        let job = try ReferenceJob(lora: true, data: data, changes: Self.changes(["class_weights": ["colour": 2, "smell": 1]]))
        defer {
            job.remove()
            FolderListing.delete(data)
        }
        #expect(try job.run() == .failed)
        let failure = try #require(job.folder.status()?.error)
        #expect(failure.param == "method.classification.class_weights" && failure.message.contains("smell"), "\(failure)")
    }

    // MARK: The reference

    private static func compare(_ job: ReferenceJob, _ set: ReferenceSet, _ name: String) throws {
        let golden = try set.json("classification/\(name)/trajectory.json")
        let steps = golden["steps"]?.array ?? []
        #expect(job.metrics.count == steps.count && !steps.isEmpty)
        for (found, step) in zip(job.metrics, steps) {
            let (loss, wanted) = (try #require(found["train_loss"]), try #require(step["loss"]?.double))
            #expect(abs(loss - wanted) < 2e-4, "step \(step["step"]?.integer ?? 0): loss \(loss), reference \(wanted)")
            let (norm, wantedNorm) = (try #require(found["grad_norm"]), try #require(step["grad_norm"]?.double))
            #expect(abs(norm - wantedNorm) < 2e-3 * wantedNorm, "step \(step["step"]?.integer ?? 0): norm \(norm), reference \(wantedNorm)")
        }
        let (report, after) = (try Self.evaluation(job), try #require(golden["validation_after"]))
        #expect(report["confusion_matrix"].map(Self.plain) == after["confusion_matrix"].map(Self.plain))
        #expect(abs((report["loss"]?.double ?? 9) - (after["loss"]?.double ?? 0)) < 1e-3)
        for key in ["macro", "weighted"] {
            #expect(abs((report[key]?["f1"]?.double ?? 9) - (after[key]?["f1"]?.double ?? 0)) < 1e-12, "\(key)")
        }
        // The logits of the validation texts, as the result gives them.
        let file = try SafetensorsFile(path: set.path("classification/\(name)/validation_logits.safetensors"))
        let logits = try #require(file.tensors.first { $0.name == "after" }).floats()
        let folder = job.folder.result + (FolderListing.isFolder(job.folder.result + "/merged") ? "/merged" : "/model")
        let classifier = try TextClassifier(folder: folder, device: Devices.make("cpu", replaced: { _ in }))
        let texts = try String(contentsOfFile: set.path("classification/validation.jsonl"), encoding: .utf8).split(separator: "\n").map {
            try #require(try JSONParser().parse(String($0))["text"]?.string)
        }
        let answers = try classifier.classify(texts.map { classifier.tokens(of: $0) })
        #expect(answers.count == texts.count && logits.count == 4 * texts.count)
        for (row, answer) in answers.enumerated() {
            let wanted = Array(logits[row * 4..<row * 4 + 4])
            let sum = wanted.reduce(0) { $0 + exp(Double($1)) }
            for (probability, logit) in zip(answer.probabilities, wanted) { #expect(abs(probability - exp(Double(logit)) / sum) < 5e-3) }
        }
    }

    /// A node without the places of its values.
    private static func plain(_ node: JSONNode) -> JSONNode {
        JSONNode((node.array ?? []).map { row in JSONNode((row.array ?? []).map { JSONNode($0.integer ?? -1) }) })
    }

    private static func trajectoryChanges(_ rate: Double, _ epochs: Int, _ schedule: JSONNode, lora: Bool) -> [String: JSONNode] {
        [
            "method": [
                "type": "classification",
                "classification": ["hyperparameters": ["n_epochs": JSONNode(epochs), "batch_size": 8, "learning_rate": JSONNode(rate)]],
            ], "schedule": schedule,
            "adapter": lora ? ["type": "lora", "rank": 8, "alpha": 16, "init_from": "initial_adapter"] : ["type": "full"],
        ]
    }

    private static let devices = ["cpu", "vulkan"]
    private static let shared = ReferenceSet.available.filter { $0.has("classification/lora-r8/trajectory.json") }

    @Test(.enabled(if: !shared.isEmpty, "needs the trajectories of ../shared/golden"), arguments: devices, shared)
    func thirtySixStepsWithAnAdapterAreTheReferences(device: String, set: ReferenceSet) throws {
        let changes = Self.trajectoryChanges(3e-3, 3, ["type": "linear", "warmup_steps": 4], lora: true)
        let job = try ReferenceJob(
            set, lora: true, device: device, data: set.path("classification/train.jsonl"),
            validationData: set.path("classification/validation.jsonl"), initialAdapter: set.path("classification/lora-r8/initial_adapter"),
            changes: changes)
        defer { job.remove() }
        #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        try Self.compare(job, set, "lora-r8")
    }

    @Test(.enabled(if: !shared.isEmpty, "needs the trajectories of ../shared/golden"), arguments: devices, shared)
    func twentyFourStepsOfAllWeightsAreTheReferences(device: String, set: ReferenceSet) throws {
        // The model with the reference's first head beside its weights.
        let folder = NSTemporaryDirectory() + "tala-headed-\(UUID().uuidString)"
        defer { FolderListing.delete(folder) }
        try FileManager.default.copyItem(atPath: set.chatModel, toPath: folder)
        try FileManager.default.removeItem(atPath: folder + "/model.safetensors")
        let base = try SafetensorsFile(path: set.chatModel + "/model.safetensors").tensors
        let head = try #require(try SafetensorsFile(path: set.path("classification/full/initial_head.safetensors")).tensors.first)
        let entries = base.map { SafetensorsWriter.Entry(name: $0.name, shape: $0.shape, elementType: $0.elementType) }
        var writer = try SafetensorsWriter(
            path: folder + "/model.safetensors",
            entries: entries + [.init(name: "score.weight", shape: head.shape, elementType: head.elementType)])
        for tensor in base + [head] { try writer.append(tensor.bytes) }
        try writer.finish()
        let changes = Self.trajectoryChanges(1e-3, 2, ["type": "cosine", "warmup_steps": 3], lora: false)
        let job = try ReferenceJob(
            set, lora: false, device: device, model: folder, data: set.path("classification/train.jsonl"),
            validationData: set.path("classification/validation.jsonl"), changes: changes)
        defer { job.remove() }
        #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        try Self.compare(job, set, "full")
    }
}
