import Foundation
import JSON
import Jobs
import Manifest
import Preparation
import Spool
import Storage
import TestSupport
import Testing
import Training
import Worker

/// Answers that are judged when a training job ends, and at its checkpoints.
@Suite(.serialized) struct GradedTrainingTests {
    private static let graders: JSONNode = [
        ["type": "text_similarity", "name": "f1", "evaluation_metric": "token_f1", "pass_threshold": 0.1],
        ["type": "string_check", "name": "exact", "operation": "eq"],
    ]

    private static func changes(_ more: [JSONMember] = []) -> [String: JSONNode] {
        let evaluation = [JSONMember("graders", graders), JSONMember("generation", ["max_tokens": 8])] + more
        return ["evaluation": JSONNode(evaluation), "checkpoint": ["every_steps": 2]]
    }

    /// A few questions: every answer takes its time.
    private static func questions() throws -> String {
        let path = NSTemporaryDirectory() + "tala-questions-\(UUID().uuidString).jsonl"
        let lines = try String(contentsOfFile: ReferenceSet.own.chatModel + "/validation.jsonl", encoding: .utf8).split(separator: "\n")
        try DurableFiles.replace(path, with: lines.prefix(4).joined(separator: "\n") + "\n")
        return path
    }

    private static func result(_ job: ReferenceJob, _ name: String) throws -> JSONNode {
        try JSONParser().parse(job.resultBytes(name))
    }

    @Test(arguments: [true, false]) func theAnswersOfTheResultAreJudgedAsAnEvaluationJobJudgesThem(lora: Bool) throws {
        let data = try Self.questions()
        let job = try ReferenceJob(lora: lora, validationData: data, changes: Self.changes(), steps: 2)
        defer {
            job.remove()
            FolderListing.delete(data)
        }
        #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        let found = try Self.result(job, "evaluation.json")
        let count = try #require(found["answers"]?.integer)
        #expect(count == 4 && found["graders"]?["f1"]?["mean"]?.double != nil && found["graders"]?["f1"]?["passed"] != nil)
        let lines = try String(decoding: job.resultBytes("predictions.jsonl"), as: UTF8.self).split(separator: "\n").map {
            try JSONParser().parse(String($0))
        }
        #expect(lines.count == count && lines.allSatisfy { $0["answer"]?.string != nil && $0["scores"]?["exact"]?.double != nil })
        #expect(String(decoding: try job.resultBytes("evaluation.md"), as: UTF8.self).contains("## Graders"))
        // The model that is judged is the one that was trained: an evaluation of the result finds
        // the same answers. A whole model is rounded to the type that the checkpoint had.
        guard lora else { return }
        let changes: [String: JSONNode] = [
            "method": ["type": "evaluation", "evaluation": ["graders": Self.graders, "generation": ["max_tokens": 8]]],
            "training_file": nil, "validation_file": "validation.jsonl",
            "adapter": ["type": "lora", "init_from": "adapter"],
        ]
        let other = try ReferenceJob(
            lora: true, data: data, initialAdapter: job.folder.result + "/adapter", changes: changes)
        defer { other.remove() }
        #expect(try other.run() == .succeeded, "\(other.folder.status()?.error?.message ?? "")")
        let again = try Self.result(other, "evaluation.json")
        let (one, two) = (try #require(found["graders"]), try #require(again["graders"]))
        #expect(one.withoutPlaces == two.withoutPlaces, "\(JSONWriter().string(two))")
    }

    @Test func answersAreJudgedAtCheckpointsWhereverTheJobIsStopped() throws {
        let changes = Self.changes([
            JSONMember("grade_checkpoints", true), JSONMember("early_stopping", ["metric": "graded_f1", "patience": 9]),
        ])
        let data = try Self.questions()
        let whole = try ReferenceJob(lora: true, validationData: data, changes: changes, steps: 6)
        let cut = try ReferenceJob(lora: true, validationData: data, changes: changes, steps: 6)
        defer {
            FolderListing.delete(data)
            whole.remove()
            cut.remove()
        }
        #expect(try whole.run() == .succeeded, "\(whole.folder.status()?.error?.message ?? "")")
        let graded = whole.metrics.filter { $0["graded_f1"] != nil }.compactMap { $0["step"] }
        #expect(graded == [2, 4, 6], "\(graded)")
        #expect(try whole.metrics.last?["graded_f1"] == Self.result(whole, "evaluation.json")["graders"]?["f1"]?["mean"]?.double)
        #expect(try Self.result(whole, "evaluation.json")["best"]?["metric"]?.string == "graded_f1")
        // A checkpoint that is not a regular one is not judged.
        #expect(try cut.run(stop: { (cut.metrics.last?["step"] ?? 0) >= 3 }) == .stopped)
        #expect(try cut.run() == .succeeded)
        #expect(whole.metrics.map { $0["graded_f1"] } == cut.metrics.map { $0["graded_f1"] })
        #expect(try whole.resultBytes("predictions.jsonl") == cut.resultBytes("predictions.jsonl"))
        #expect(try whole.resultBytes("evaluation.json") == cut.resultBytes("evaluation.json"))
    }

    @Test func gradersWithoutQuestionsAreAnErrorOfTheirKey() throws {
        let job = try ReferenceJob(lora: true, changes: Self.changes(), steps: 2)
        defer { job.remove() }
        let manifest = try Manifest(ManifestText(DurableFiles.read(job.folder.manifestFile), isYAML: false))
        let refused = #expect(throws: TrainingError.self) {
            try PreparedJob(
                manifest: manifest, modelFolder: ReferenceSet.own.trajectoryModel,
                trainingPath: ReferenceSet.own.chatModel + "/train.jsonl", validationPath: nil, initialAdapterPath: nil)
        }
        #expect("\(refused.map { "\($0)" } ?? "")".contains("evaluation.graders"))
    }

    /// What is wrong with a grader is wrong in every line, and is said once.
    @Test func whatAGraderLacksInEveryRecordIsSaidOnce() throws {
        var changes = Self.changes()
        changes["evaluation"] = ["graders": [["type": "string_check", "operation": "like", "reference": "{{item.topic}}"]]]
        let job = try ReferenceJob(lora: true, changes: changes, steps: 2)
        defer { job.remove() }
        #expect(try job.run() == .failed)
        let events = String(decoding: try DurableFiles.read(job.folder.eventsFile), as: UTF8.self)
        let problems = events.split(separator: "\n").filter { $0.contains("\"invalid_data\"") && $0.contains("cannot judge") }
        #expect(problems.count == 1 && problems.first?.contains("lines: 1, 2, 3") == true, "\(problems)")
    }
}
