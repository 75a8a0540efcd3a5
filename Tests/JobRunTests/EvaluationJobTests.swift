import Engine
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

/// Jobs that train nothing and judge a model.
@Suite(.serialized) struct EvaluationJobTests {
    private static let changes: [String: JSONNode] = [
        "training_file": nil, "adapter": ["type": "lora"],
    ]

    private static func file(_ lines: [String]) throws -> String {
        let path = NSTemporaryDirectory() + "tala-judged-\(UUID().uuidString).jsonl"
        try DurableFiles.replace(path, with: lines.joined(separator: "\n") + "\n")
        return path
    }

    private static func method(_ members: [String: JSONNode]) -> JSONNode {
        [
            "type": "evaluation",
            "evaluation": JSONNode(
                members.sorted { $0.key < $1.key }.map { JSONMember($0.key, $0.value) }),
        ]
    }

    private static func figures(_ job: ReferenceJob) throws -> JSONNode {
        try JSONParser().parse(job.resultBytes("evaluation.json"))
    }

    private static func predictions(_ job: ReferenceJob) throws -> [JSONNode] {
        try String(decoding: job.resultBytes("predictions.jsonl"), as: UTF8.self).split(separator: "\n")
            .map { try JSONParser().parse(String($0)) }
    }

    /// Loss and accuracy are those that a training job finds with the same weights.
    @Test func aModelIsJudgedAsTrainingJudgesIt() throws {
        let trained = try ReferenceJob(lora: true, steps: 12)
        defer { trained.remove() }
        #expect(try trained.run() == .succeeded)
        let wanted = try #require(try Self.figures(trained)["validation"])
        let validation = ReferenceSet.own.chatModel + "/validation.jsonl"
        var changes = Self.changes
        changes["method"] = Self.method(["compare_with": "base"])
        changes["adapter"] = ["type": "lora", "init_from": "trained"]
        let job = try ReferenceJob(
            lora: true, data: validation, initialAdapter: trained.folder.result + "/adapter",
            changes: changes)
        defer { job.remove() }
        #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        let found = try Self.figures(job)
        #expect(abs((found["loss"]?.double ?? 9) - (wanted["loss"]?.double ?? 0)) < 1e-5)
        #expect(found["tokens"] != nil && found["tokens"]?.integer == wanted["tokens"]?.integer)
        #expect(
            found["token_accuracy"]?.double == wanted["token_accuracy"]?.double
                && found["examples"]?.integer == 40)
        // The adapter is better than its base, beyond what other examples could change.
        let (difference, upper) = (
            try #require(found["differences"]?["loss"]?["difference"]?.double),
            try #require(found["differences"]?["loss"]?["upper"]?.double)
        )
        #expect(difference < 0 && upper < 0, "\(difference), at most \(upper)")
        let base = try #require(found["comparison"]?["loss"]?.double)
        #expect(abs(base + difference - (found["loss"]?.double ?? 9)) < 1e-9)
        #expect(try Self.predictions(job).count == 40)
        let status = try #require(job.folder.status())
        #expect(
            status.state == .succeeded && status.progress.step == status.progress.totalSteps
                && status.progress.totalSteps == 80)
        #expect(
            try String(decoding: job.resultBytes("evaluation.md"), as: UTF8.self).contains(
                "## Against base"))
    }

    @Test func answersAreGradedAndAStoppedJobFindsTheSame() throws {
        let lines = try String(
            contentsOfFile: ReferenceSet.own.chatModel + "/validation.jsonl", encoding: .utf8
        ).split(separator: "\n").prefix(6)
        let data = try Self.file(lines.map(String.init))
        defer { FolderListing.delete(data) }
        let graders: JSONNode = [
            [
                "type": "text_similarity", "name": "words", "evaluation_metric": "token_f1",
                "pass_threshold": 0.1,
            ],
            ["type": "text_similarity", "name": "bleu", "evaluation_metric": "bleu"],
            [
                "type": "multi", "calculate_output": "(f + e) / 2",
                "graders": [
                    "f": ["type": "text_similarity", "evaluation_metric": "fuzzy_match"],
                    "e": ["type": "string_check", "operation": "eq"],
                ],
            ],
        ]
        var changes = Self.changes
        changes["method"] = Self.method([
            "graders": graders, "generation": ["max_tokens": 12, "temperature": 0.8],
        ])
        let (whole, cut) = (
            try ReferenceJob(lora: true, data: data, changes: changes),
            try ReferenceJob(lora: true, data: data, changes: changes)
        )
        defer {
            whole.remove()
            cut.remove()
        }
        #expect(try whole.run() == .succeeded, "\(whole.folder.status()?.error?.message ?? "")")
        var looks = 0
        #expect(
            try cut.run(stop: {
                looks += 1
                return cut.folder.status()?.state == .running && looks > 4
            }) == .stopped)
        #expect(try cut.run() == .succeeded)
        for file in ["evaluation.json", "predictions.jsonl", "evaluation.md"] {
            #expect(try whole.resultBytes(file) == cut.resultBytes(file))
        }
        let found = try Self.figures(whole)
        #expect(
            found["graders"]?["words"]?["passed"]?.double != nil
                && found["graders"]?["bleu"]?["corpus_bleu"]?.double != nil)
        #expect(found["graders"]?["grader_3"]?["mean"]?.double != nil && found["answers"]?.integer == 6)
        let predictions = try Self.predictions(whole)
        #expect(
            predictions.allSatisfy {
                $0["answer"]?.string != nil && $0["reference"]?.string != nil
                    && $0["scores"]?["words"] != nil
            })
        let mean = predictions.reduce(0) { $0 + ($1["scores"]?["words"]?.double ?? 9) } / 6
        #expect(abs(mean - (found["graders"]?["words"]?["mean"]?.double ?? -1)) < 1e-12)
    }

    /// As many answers are written at a time as memory holds; where not even one fits, the job says
    /// so before it computes anything.
    @Test func answersKeepToTheMemoryLimit() throws {
        let model = ReferenceSet.own.chatModel
        let lines = try String(contentsOfFile: model + "/validation.jsonl", encoding: .utf8).split(separator: "\n").prefix(6)
        let data = try Self.file(lines.map(String.init))
        defer { FolderListing.delete(data) }
        let text: JSONNode = [
            "model": "m", "validation_file": "v.jsonl", "device": "cpu", "precision": "float32",
            "method": Self.method([
                "graders": [["type": "text_similarity", "evaluation_metric": "token_f1"]], "generation": ["max_tokens": 20_000],
            ]),
        ]
        let manifest = try Manifest(ManifestText(JSONWriter().bytes(text), isYAML: false))
        let method = try #require(manifest.method.specification as? Manifest.EvaluationMethod)
        func slots(_ limit: Int?) throws -> Int? {
            try PreparedEvaluation(
                manifest: manifest, method: method, modelFolder: model, dataPath: data, adapterPath: nil, memoryLimit: limit
            ).answering?.slots
        }
        #expect(try slots(nil) == 6)
        var found: Set<Int> = []
        var limit = 512 << 20
        let refused = #expect(throws: TrainingError.self) {
            while limit > 1 << 10 {
                if let count = try slots(limit) { found.insert(count) }
                limit -= limit / 8
            }
        }
        #expect(found.contains(6) && found.count > 1, "\(found)")
        #expect("\(refused.map { "\($0)" } ?? "")".contains("memory_limit"))
    }

    @Test func aRecordThatLacksWhatAGraderReadsIsAnErrorOfItsLine() throws {
        let chat =
            #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]"#
        let data = try Self.file([chat + #", "topic": "x"}"#, chat + "}"])
        defer { FolderListing.delete(data) }
        var changes = Self.changes
        changes["method"] = Self.method([
            "graders": [["type": "string_check", "operation": "like", "reference": "{{item.topic}}"]]
        ])
        let job = try ReferenceJob(lora: true, data: data, changes: changes)
        defer { job.remove() }
        #expect(try job.run() == .failed)
        let failure = try #require(job.folder.status()?.error)
        #expect(failure.message.contains("line 2") && failure.message.contains("topic"), "\(failure)")
        #expect(failure.param == "validation_file" && failure.code == .invalidValidationFile)
    }
}
