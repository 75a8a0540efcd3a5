import JSON
import Jobs
import Spool
import Storage
import Testing
import Worker

/// Whole jobs that are judged by their evaluations.
@Suite(.serialized) struct SelectionJobTests {
    /// A rate that rises until the loss goes up again.
    private static let changes: [String: JSONNode] = [
        "method": ["type": "supervised", "supervised": ["hyperparameters": ["max_steps": 40, "batch_size": 8, "learning_rate": 0.4]]],
        "schedule": ["type": "linear", "warmup_steps": 20], "checkpoint": ["every_steps": 5, "keep": 1],
        "evaluation": ["every_steps": 3, "early_stopping": ["patience": 1], "load_best": true],
    ]

    private static func events(_ job: ReferenceJob) throws -> String {
        try String(decoding: DurableFiles.read(job.folder.eventsFile), as: UTF8.self)
    }

    @Test func aRunEndsEarlyWithItsBestModelWhereverItIsStopped() throws {
        let (whole, cut) = (try ReferenceJob(lora: true, changes: Self.changes), try ReferenceJob(lora: true, changes: Self.changes))
        defer {
            whole.remove()
            cut.remove()
        }
        #expect(try whole.run() == .succeeded, "\(whole.folder.status()?.error?.message ?? "")")
        let metrics = whole.metrics
        let judged = metrics.filter { $0["full_valid_loss"] != nil }
        #expect(judged.count >= 2 && judged[0]["step"] == 3 && judged[1]["step"] == 6, "each evaluation is of the whole set")
        let best = try #require(judged.min { ($0["full_valid_loss"] ?? 9) < ($1["full_valid_loss"] ?? 9) })
        let last = try #require(metrics.last?["step"])
        #expect(
            last < 40 && judged.last?["step"] == last && judged.dropLast().last?["step"] == best["step"], "one evaluation after the best")
        let evaluation = try JSONParser().parse(whole.resultBytes("evaluation.json"))
        #expect(evaluation["best"]?["step"]?.integer == best["step"].map { Int($0) })
        #expect(abs((evaluation["validation"]?["loss"]?.double ?? 9) - (best["full_valid_loss"] ?? 0)) < 1e-6)
        // The best stays beside the newest, though one is kept.
        #expect(whole.folder.checkpointNames == [best["step"], last].compactMap { $0.map { CheckpointRecord.folderName(step: Int($0)) } })
        #expect(try Self.events(whole).contains("stopped_early") && Self.events(whole).contains("best_loaded"))
        for limit in [2, 4, 7] where Double(limit) < last {
            #expect(try cut.run(stop: { (cut.metrics.last?["step"] ?? 0) >= Double(limit) }) == .stopped)
        }
        #expect(try cut.run() == .succeeded)
        #expect(try whole.resultBytes("adapter/adapter_model.safetensors") == cut.resultBytes("adapter/adapter_model.safetensors"))
        #expect(metrics.map { $0["train_loss"] } == cut.metrics.map { $0["train_loss"] })
    }

    @Test func aRunWithoutValidationDataCannotBeJudged() throws {
        let changes: [String: JSONNode] = ["validation_file": nil, "evaluation": ["load_best": true]]
        let job = try ReferenceJob(lora: true, changes: changes, steps: 2)
        defer { job.remove() }
        // The acceptance names no validation file either.
        var acceptance = try job.folder.acceptance()
        acceptance.validation = nil
        try DurableFiles.replace(job.folder.acceptanceFile, with: JSONWriter().string(acceptance.json))
        #expect(try job.run() == .failed)
        #expect(job.folder.status()?.error?.param == "evaluation.load_best")
    }
}
