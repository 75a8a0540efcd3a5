import Datasets
import Foundation
import JSON
import Jobs
import Preparation
import Spool
import Storage
import TestSupport
import Testing
import Training
import Worker

/// A job folder as the daemon makes it, on the model and the data of the trajectories.
struct ReferenceJob {
    let folder: JobFolder

    /// - Parameters:
    ///   - model: the folder to train from; nil: where the trajectories begin.
    ///   - data: the file to train on; nil: that of the trajectories.
    ///   - validationData: the file to validate with; nil: `data`, or that of the trajectories.
    ///   - initialAdapter: a PEFT folder; nil: where they begin, unless the changes name an adapter
    ///     without one.
    ///   - teacher: the folder of the model that it learns from.
    init(
        _ set: ReferenceSet = .own, lora: Bool, device: String = "cpu", model: String? = nil, data: String? = nil,
        validationData: String? = nil,
        initialAdapter: String? = nil, teacher: String? = nil,
        changes: [String: JSONNode] = [:], steps: Int? = nil
    ) throws {
        let root = NSTemporaryDirectory() + "tala-job-\(UUID().uuidString)"
        folder = JobFolder(path: root + "/ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa")
        try FileManager.default.createDirectory(atPath: folder.controls, withIntermediateDirectories: true)
        var hyperparameters: [JSONMember] = [JSONMember("batch_size", 8), JSONMember("learning_rate", lora ? 1e-3 : 5e-4)]
        if let steps {
            hyperparameters.append(JSONMember("max_steps", JSONNode(steps)))
        } else {
            hyperparameters.append(JSONMember("n_epochs", lora ? 2 : 1))
        }
        var members: [JSONMember] = [
            JSONMember("model", "small"), JSONMember("training_file", "train.jsonl"),
            JSONMember("validation_file", "validation.jsonl"), JSONMember("seed", 1),
            JSONMember("method", ["type": "supervised", "supervised": ["hyperparameters": JSONNode(hyperparameters)]]),
            JSONMember("adapter", lora ? ["type": "lora", "rank": 8, "alpha": 16, "init_from": "initial_adapter"] : ["type": "full"]),
            JSONMember("optimizer", ["weight_decay": 0.01, "weight_decay_on": "all"]),
            JSONMember("schedule", lora ? ["type": "cosine", "warmup_steps": 10] : ["type": "linear", "warmup_steps": 5]),
            JSONMember("shuffle", false),
            JSONMember("max_length", 512), JSONMember("precision", "float32"), JSONMember("device", JSONNode(device)),
        ]
        for (key, node) in changes {
            members.removeAll { $0.key == key }
            members.append(JSONMember(key, node))
        }
        try DurableFiles.replace(folder.manifestFile, with: JSONWriter().string(JSONNode(members)))
        var acceptance = JobAcceptance(
            createdAt: 1, owner: 0, modelPath: model ?? set.trajectoryModel, trainingPath: data ?? set.chatModel + "/train.jsonl",
            validationPath: validationData ?? data ?? set.chatModel + "/validation.jsonl",
            initialAdapterPath: initialAdapter
                ?? (lora && (changes["adapter"].map { $0["init_from"] != nil } ?? true)
                    ? set.path("trajectory/lora-r8/initial_adapter") : nil))
        acceptance.comparisonPath = teacher
        try DurableFiles.replace(folder.acceptanceFile, with: JSONWriter().string(acceptance.json))
    }

    /// Runs until the job ends or `stop` says so between two steps.
    @discardableResult
    func run(stop: @escaping () -> Bool = { false }) throws -> WorkerExit {
        try JobRunner(folder: folder, deviceSelector: nil, mustStop: stop).run()
    }

    /// Steps with their figures, by column name.
    var metrics: [[String: Double]] {
        let lines = ((try? String(decoding: DurableFiles.read(folder.metricsFile), as: UTF8.self)) ?? "").split(separator: "\n")
        let names = lines.first?.split(separator: ",").map(String.init) ?? []
        return lines.dropFirst().map { line in
            Dictionary(
                zip(names, line.split(separator: ",", omittingEmptySubsequences: false)).compactMap { name, text in
                    Double(text).map { (name, $0) }
                }
            ) { first, _ in first }
        }
    }

    func resultBytes(_ file: String) throws -> [UInt8] { try DurableFiles.read(folder.result + "/" + file) }

    func remove() { FolderListing.delete(DurableFiles.split(folder.path).folder) }
}

@Suite(.serialized) struct TrajectoryTests {
    static func compare(_ job: ReferenceJob, _ set: ReferenceSet, _ name: String, tolerance: Double = 1e-4) throws {
        let golden = try set.json("trajectory/\(name)/trajectory.json")
        let steps = golden["steps"]?.array ?? []
        let metrics = job.metrics
        #expect(metrics.count == steps.count)
        for (found, step) in zip(metrics, steps) {
            let number = step["step"]?.integer ?? 0
            for (column, key) in [("train_loss", "loss"), ("learning_rate", "lr"), ("grad_norm", "grad_norm")] {
                guard let value = found[column], let wanted = step[key]?.double else {
                    Issue.record("step \(number) has no \(column)")
                    continue
                }
                #expect(
                    abs(value - wanted) <= tolerance * max(abs(wanted), 1e-12), "step \(number): \(column) \(value), reference \(wanted)")
            }
        }
        let evaluation = try JSONParser().parse(job.resultBytes("evaluation.json"))["validation"]
        let after = golden["validation_after"]
        #expect(abs((evaluation?["loss"]?.double ?? 0) - (after?["loss"]?.double ?? 1)) < 1e-5)
        #expect(evaluation?["tokens"]?.integer == after?["tokens"]?.integer)
        #expect(abs((evaluation?["correct_tokens"]?.integer ?? 0) - (after?["correct_tokens"]?.integer ?? 9)) <= 1)
    }

    @Test(arguments: ReferenceSet.available) func fiftyTwoStepsOfLoRAOnTheProcessorAreTheReferences(set: ReferenceSet) throws {
        let job = try ReferenceJob(set, lora: true)
        defer { job.remove() }
        #expect(try job.run() == .succeeded)
        try Self.compare(job, set, "lora-r8")
    }

    @Test(arguments: ReferenceSet.available) func twentySixStepsOfFullTrainingOnTheProcessorAreTheReferences(set: ReferenceSet) throws {
        let job = try ReferenceJob(set, lora: false)
        defer { job.remove() }
        #expect(try job.run() == .succeeded)
        try Self.compare(job, set, "full")
    }

    @Test(arguments: ReferenceSet.available) func fiftyTwoStepsOfLoRAOnVulkanAreTheReferences(set: ReferenceSet) throws {
        setenv("TALA_VULKAN_VALIDATION", "1", 1)
        defer { unsetenv("TALA_VULKAN_VALIDATION") }
        let job = try ReferenceJob(set, lora: true, device: "vulkan")
        defer { job.remove() }
        let outcome = try job.run()
        #expect(outcome == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        guard outcome == .succeeded else { return }
        try Self.compare(job, set, "lora-r8")
        let events = try String(decoding: DurableFiles.read(job.folder.eventsFile), as: UTF8.self)
        #expect(!events.contains("\"level\":\"warn\""), "the validation layer has spoken: \(events)")
    }

    /// The cuts are in the middle of an epoch, at its end, and in the second epoch.
    @Test(arguments: [true, false]) func aJobStoppedAtAnyStepEndsInTheSameBytes(hasDropout: Bool) throws {
        let dropout: [String: JSONNode] =
            hasDropout ? ["adapter": ["type": "lora", "rank": 8, "alpha": 16, "dropout": 0.1, "init_from": "initial_adapter"]] : [:]
        let changes = dropout.merging(["shuffle": true, "checkpoint": ["every_steps": 7]]) { $1 }
        let whole = try ReferenceJob(lora: true, changes: changes)
        let cut = try ReferenceJob(lora: true, changes: changes)
        defer {
            whole.remove()
            cut.remove()
        }
        #expect(try whole.run() == .succeeded)
        for limit in [5, 26, 33] {
            #expect(try cut.run(stop: { (cut.metrics.last?["step"] ?? 0) >= Double(limit) }) == .stopped)
        }
        #expect(try cut.run() == .succeeded)
        #expect(try whole.resultBytes("adapter/adapter_model.safetensors") == cut.resultBytes("adapter/adapter_model.safetensors"))
        #expect(cut.metrics.map { $0["step"] } == (1...52).map { Double($0) })
        #expect(whole.metrics.map { $0["train_loss"] } == cut.metrics.map { $0["train_loss"] })
    }

    @Test func aDamagedCheckpointIsSetAsideAndTheOneBeforeIsUsed() throws {
        let changes: [String: JSONNode] = ["checkpoint": ["every_steps": 4, "keep": 3]]
        let whole = try ReferenceJob(lora: true, changes: changes, steps: 14)
        let cut = try ReferenceJob(lora: true, changes: changes, steps: 14)
        defer {
            whole.remove()
            cut.remove()
        }
        #expect(try whole.run() == .succeeded)
        #expect(try cut.run(stop: { (cut.metrics.last?["step"] ?? 0) >= 9 }) == .stopped)
        let newest = try #require(cut.folder.checkpointNames.last)
        let file = cut.folder.checkpoints + "/\(newest)/second_moments.safetensors"
        var bytes = try DurableFiles.read(file)
        bytes[bytes.count - 1] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        #expect(try cut.run() == .succeeded)
        #expect(try whole.resultBytes("adapter/adapter_model.safetensors") == cut.resultBytes("adapter/adapter_model.safetensors"))
        #expect(try String(decoding: DurableFiles.read(cut.folder.eventsFile), as: UTF8.self).contains("SHA-256"))
    }

    @Test func aLossThatIsNoNumberEndsTheJobWithItsStep() throws {
        let job = try ReferenceJob(
            lora: false,
            changes: [
                "method": [
                    "type": "supervised", "supervised": ["hyperparameters": ["max_steps": 12, "batch_size": 8, "learning_rate": 1000]],
                ], "optimizer": ["max_grad_norm": 0], "schedule": ["type": "constant"],
            ])
        defer { job.remove() }
        #expect(try job.run() == .failed)
        #expect(job.folder.status()?.error?.code == .notFinite && job.folder.status()?.error?.message.contains("step") ?? false)
    }

    @Test func micro_batchesGiveTheSameStepAsOneBatch() throws {
        let job = try ReferenceJob(lora: true, steps: 3)
        defer { job.remove() }
        func prepared(_ choice: JobPlan.Choice?) throws -> PreparedJob {
            try PreparedJob(
                manifest: job.folder.manifest(), modelFolder: ReferenceSet.own.trajectoryModel,
                trainingPath: ReferenceSet.own.chatModel + "/train.jsonl", validationPath: nil,
                initialAdapterPath: ReferenceSet.own.path("trajectory/lora-r8/initial_adapter"), keeping: choice)
        }
        let whole = try prepared(nil)
        var choice = whole.plan.choice
        choice.tokenCount = ProgramSize.rounded(whole.training.longestExample)
        choice.recomputedLayers = 3
        #expect(choice.tokenCount * 2 < whole.plan.choice.tokenCount)
        let cut = try prepared(choice)
        #expect(cut.plan.choice == choice && cut.plan.arenaBytes < whole.plan.arenaBytes)
        let runs = try [whole, cut].map { job in
            TrainingRun(session: try job.makeSession(), training: job.training, validation: nil, settings: job.settings)
        }
        for _ in 0..<3 {
            let steps = try runs.map { try #require(try $0.step()) }
            #expect(abs(steps[0].loss - steps[1].loss) < 1e-6)
            #expect(abs(steps[0].gradientNorm - steps[1].gradientNorm) < 1e-5)
        }
    }
}
