import Foundation
import JSON
import Jobs
import Manifest
import Models
import Preparation
import Spool
import Storage
import TestSupport
import Testing
import Training
import Worker

/// Whole jobs of a model that learns from another: the small chat model from the demonstration's.
@Suite(.serialized) struct DistillationJobTests {
    private static let student = ReferenceSet.own.chatModel
    private static let teacher = ReferenceSet.own.trajectoryModel

    private static func job(
        settings: [String: JSONNode] = [:], teacher: String = teacher, device: String = "cpu", changes: [String: JSONNode] = [:],
        steps: Int = 6
    ) throws -> ReferenceJob {
        let numbers: JSONNode = ["max_steps": JSONNode(steps), "batch_size": 4, "learning_rate": 1e-3]
        let all = ["teacher": "demo", "temperature": 2, "hyperparameters": numbers].merging(settings) { $1 }
        let method: JSONNode = [
            "type": "distillation", "distillation": JSONNode(all.sorted { $0.key < $1.key }.map { JSONMember($0.key, $0.value) }),
        ]
        let base: [String: JSONNode] = [
            "method": method, "adapter": ["type": "lora", "rank": 4, "dropout": 0.1], "shuffle": true,
            "schedule": ["type": "constant"], "checkpoint": ["every_steps": 2],
        ]
        return try ReferenceJob(
            lora: true, device: device, model: student, teacher: teacher, changes: base.merging(changes) { $1 }, steps: steps)
    }

    @Test(arguments: ["stored", "nf4"]) func aJobThatIsStoppedEndsInTheSameBytes(weights: String) throws {
        let settings: [String: JSONNode] = ["teacher_weights": JSONNode(weights)]
        let (whole, cut) = (try Self.job(settings: settings), try Self.job(settings: settings))
        defer {
            whole.remove()
            cut.remove()
        }
        #expect(try whole.run() == .succeeded, "\(whole.message)")
        for limit in [1.0, 4] { #expect(try cut.run(stop: { (cut.metrics.last?["step"] ?? 0) >= limit }) == .stopped) }
        #expect(try cut.run() == .succeeded, "\(cut.message)")
        for file in ["adapter/adapter_model.safetensors", "merged/model.safetensors", "evaluation.json"] {
            #expect(try whole.resultBytes(file) == cut.resultBytes(file), "\(file)")
        }
        // The loss is made of its parts, of which only training batches have the first.
        let rows = whole.metrics
        #expect(rows.count == 6 && rows.map { $0["distillation"] } == cut.metrics.map { $0["distillation"] })
        for row in rows {
            let (loss, far, hard) = (try #require(row["train_loss"]), try #require(row["distillation"]), try #require(row["cross_entropy"]))
            #expect(far > 0 && abs(loss - (0.5 * far + 0.5 * hard)) < 1e-5 * loss, "\(row)")
            #expect(row["valid_distillation"] == nil && row["full_valid_cross_entropy"] == nil)
        }
        #expect((rows.last?["distillation"] ?? 9) < (rows.first?["distillation"] ?? 0))
        // The result is judged as that of any other tuning.
        let evaluation = try #require(try JSONParser().parse(whole.resultBytes("evaluation.json"))["validation"])
        #expect(evaluation["loss"]?.double == rows.last?["full_valid_loss"] && evaluation["tokens"]?.integer ?? 0 > 0)
        let plan = try #require(whole.folder.status()?.plan)
        #expect(plan.teacherBytes > 0 && plan.peakBytes > plan.teacherBytes)
    }

    @Test func aJobOnVulkanDoesTheSame() throws {
        setenv("TALA_VULKAN_VALIDATION", "1", 1)
        defer { unsetenv("TALA_VULKAN_VALIDATION") }
        let changes: [String: JSONNode] = ["adapter": ["type": "lora", "rank": 4]]
        let (one, other) = (try Self.job(changes: changes, steps: 3), try Self.job(device: "vulkan", changes: changes, steps: 3))
        defer {
            one.remove()
            other.remove()
        }
        #expect(try one.run() == .succeeded && other.run() == .succeeded, "\(other.message)")
        #expect(one.metrics.count == 3)
        for (left, right) in zip(one.metrics, other.metrics) {
            for column in ["train_loss", "distillation", "cross_entropy", "grad_norm"] {
                let (a, b) = (try #require(left[column]), try #require(right[column]))
                #expect(abs(a - b) < 1e-4 * abs(a), "\(column): \(a), on Vulkan \(b)")
            }
        }
        let events = try String(decoding: DurableFiles.read(other.folder.eventsFile), as: UTF8.self)
        #expect(!events.contains("device_message"), "the validation layer has spoken: \(events)")
    }

    @Test func micro_batchesGiveTheSameStepAsOneBatch() throws {
        let job = try Self.job(changes: ["adapter": ["type": "lora", "rank": 4]], steps: 2)
        defer { job.remove() }
        func prepared(_ choice: JobPlan.Choice?) throws -> PreparedJob {
            try PreparedJob(
                manifest: job.folder.manifest(), modelFolder: Self.student, trainingPath: Self.student + "/train.jsonl",
                validationPath: nil, initialAdapterPath: nil, keeping: choice, teacherPath: Self.teacher)
        }
        let whole = try prepared(nil)
        var choice = whole.plan.choice
        choice.tokenCount = 128
        let split = try prepared(choice)
        #expect(split.plan.teacherBytes < whole.plan.teacherBytes && split.plan.size.tokenCount == 128)
        func step(_ job: PreparedJob) throws -> StepResult {
            let run = TrainingRun(session: try job.makeSession(), training: job.training, validation: nil, settings: job.settings)
            return try #require(try run.advance())
        }
        let (one, other) = (try step(whole), try step(split))
        #expect(abs(one.loss - other.loss) < 1e-5 && one.figures.count == 2)
        for (left, right) in zip(one.figures, other.figures) { #expect(abs((left ?? 9) - (right ?? 0)) < 1e-5) }
    }

    @Test func aTeacherThatIsNotOneIsRefusedWithItsReason() throws {
        let folder = NSTemporaryDirectory() + "tala-teacher-\(UUID().uuidString)"
        defer { FolderListing.delete(folder) }
        func copy(_ name: String, _ change: (String) throws -> Void) throws -> String {
            let path = folder + "/" + name
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: Self.teacher, toPath: path)
            try change(path)
            return path
        }
        func rewrite(_ file: String, _ old: String, _ new: String) throws {
            let text = try String(contentsOfFile: file, encoding: .utf8)
            #expect(text.contains(old))
            try DurableFiles.replace(file, with: text.replacingOccurrences(of: old, with: new))
        }
        let other = try copy("other-tokens") { path in
            let file = path + "/tokenizer.json"
            let tokenizer = try JSONParser().parse(DurableFiles.read(file))
            let second = try #require(tokenizer["model"]?["vocab"]?.object?.first { $0.node.integer == 300 }?.key)
            let quoted = JSONWriter().string(JSONNode(second))
            try rewrite(file, quoted + ": 300", quoted + ": 750")
        }
        let short = try copy("few-positions") {
            try rewrite($0 + "/config.json", "\"max_position_embeddings\": 512", "\"max_position_embeddings\": 16")
        }
        let empty = try copy("no-weights") { FolderListing.delete($0 + "/model.safetensors") }
        let silent = try copy("no-tokenizer") { FolderListing.delete($0 + "/tokenizer.json") }
        for (path, words) in [
            (other, ["method.distillation.teacher", "the id 300 is no token to the teacher and \"", "needs the model's tokenizer"]),
            (short, ["method.distillation.teacher", "positions for 16 tokens", "lower max_length to 16"]),
            (empty, ["method.distillation.teacher", "holds no weights"]),
            (silent, ["method.distillation.teacher", "cannot be used", "tokenizer.json", "is missing"]),
        ] {
            let job = try Self.job(teacher: path)
            defer { job.remove() }
            #expect(try job.run() == .failed)
            for word in words { #expect(job.message.contains(word), "\(word) is not in: \(job.message)") }
            #expect(job.folder.status()?.error?.param == "method.distillation.teacher")
        }
    }

    @Test func whereNothingFitsTheTeachersWeightsMayBecomeSmaller() throws {
        let job = try Self.job(changes: ["memory_limit": "8MiB"])
        defer { job.remove() }
        #expect(try job.run() == .failed)
        #expect(job.message.contains("or set method.distillation.teacher_weights to nf4"), "\(job.message)")
    }

    /// A teacher that has changed since the job was validated would teach something else.
    @Test func aTeacherThatHasChangedEndsTheJob() throws {
        let folder = NSTemporaryDirectory() + "tala-teacher-\(UUID().uuidString)"
        try FileManager.default.copyItem(atPath: Self.teacher, toPath: folder)
        let job = try Self.job(teacher: folder)
        defer {
            job.remove()
            FolderListing.delete(folder)
        }
        #expect(try job.run(stop: { (job.metrics.last?["step"] ?? 0) >= 2 }) == .stopped)
        let file = folder + "/model.safetensors"
        var bytes = try DurableFiles.read(file)
        bytes[bytes.count - 2] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        #expect(try job.run() == .failed)
        #expect(job.message.contains("no longer what was validated: teacher"), "\(job.message)")
    }
}
