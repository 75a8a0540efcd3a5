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
