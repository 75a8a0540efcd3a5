import Foundation
import JSON
import Jobs
import Models
import Spool
import Storage
import Tensors
import TestSupport
import Testing
import Tokenization
import Worker

/// Tokens that are added to a model where jobs do anything but supervised tuning on the processor:
/// on Vulkan, in several lanes, with pairs, with plain text, from random weights.
@Suite(.serialized) struct AddedTokenMethodTests {
    private static let many = AddedTokenJobTests.many

    private static func file(_ lines: [JSONNode]) throws -> String {
        let path = NSTemporaryDirectory() + "tala-grown-\(UUID().uuidString).jsonl"
        try DurableFiles.replace(path, with: lines.map { JSONWriter().string($0) + "\n" }.joined())
        return path
    }

    /// The conversations of the demonstration.
    private static func conversations() throws -> [[JSONNode]] {
        try String(contentsOfFile: AddedTokenJobTests.data, encoding: .utf8).split(separator: "\n").prefix(24).map {
            try JSONParser().parse(String($0))["messages"]?.array ?? []
        }
    }

    private static func method(_ word: String, _ more: [JSONMember] = []) -> JSONNode {
        let numbers = [JSONMember("max_steps", 4), JSONMember("batch_size", 4), JSONMember("learning_rate", 1e-3)] + more
        return JSONNode([
            JSONMember("type", JSONNode(word)), JSONMember(word, ["hyperparameters": JSONNode(numbers)]),
        ])
    }

    private static func job(
        _ method: JSONNode, data: String, isFull: Bool, device: String = "cpu", model: String? = nil, tokens: JSONNode = many,
        changes: [String: JSONNode] = [:]
    ) throws -> ReferenceJob {
        let base: [String: JSONNode] = [
            "method": method, "adapter": isFull ? ["type": "full"] : ["type": "lora", "rank": 2], "add_tokens": tokens,
            "checkpoint": ["every_steps": 2], "shuffle": true, "schedule": ["type": "constant", "warmup_steps": 1],
        ]
        return try ReferenceJob(lora: !isFull, device: device, model: model, data: data, changes: base.merging(changes) { $1 })
    }

    /// The tokens are in the result, and their rows are no longer what they began as.
    private static func expectLearnt(_ job: ReferenceJob, isFull: Bool) throws {
        let opened = try OpenedModel(path: job.folder.result + (isFull ? "/model" : "/merged"))
        #expect(opened.configuration.vocabularySize == 779)
        let embedding = try #require(opened.weights?.tensors["model.embed_tokens.weight"]).floats()
        let width = opened.configuration.hiddenSize
        func row(_ id: Int) -> [Float] { Array(embedding[id * width..<(id + 1) * width]) }
        #expect(row(709) != row(770) && row(709) != row(710), "the rows of what was said are what they began as")
        #expect(try Tokenizer(TokenizerTexts(opened.folder)).encode("Good day!", addSpecialTokens: false) == [709])
    }

    @Test(arguments: [false, true], ["stored", "nf4"]) func aJobOnVulkanDoesTheSame(isFull: Bool, weights: String) throws {
        if isFull, weights != "stored" { return }
        setenv("TALA_VULKAN_VALIDATION", "1", 1)
        defer { unsetenv("TALA_VULKAN_VALIDATION") }
        let changes: [String: JSONNode] = isFull ? [:] : ["base_weights": JSONNode(weights)]
        let jobs = try ["cpu", "vulkan"].map {
            try Self.job(Self.method("supervised"), data: AddedTokenJobTests.data, isFull: isFull, device: $0, changes: changes)
        }
        defer { for job in jobs { job.remove() } }
        for job in jobs { #expect(try job.run() == .succeeded, "\(job.message)") }
        let (one, other) = (jobs[0].metrics, jobs[1].metrics)
        #expect(one.count == 4 && other.count == 4)
        for (left, right) in zip(one, other) {
            for column in ["train_loss", "grad_norm", "full_valid_loss"] {
                guard let a = left[column], let b = right[column] else { continue }
                #expect(abs(a - b) < 1e-4 * abs(a), "\(column): \(a), on Vulkan \(b)")
            }
        }
        try Self.expectLearnt(jobs[1], isFull: isFull)
        let events = try String(decoding: DurableFiles.read(jobs[1].folder.eventsFile), as: UTF8.self)
        #expect(!events.contains("device_message"), "the validation layer has spoken: \(events)")
    }

    /// Pairs, whose reference is what the grown model says before training: at the first step both
    /// are the same.
    @Test(arguments: [false, true]) func pairsTeachThemToo(isFull: Bool) throws {
        let pairs = try Self.conversations().map { messages -> JSONNode in
            [
                "prompt": JSONNode(Array(messages.dropLast())), "chosen": JSONNode(Array(messages.suffix(1))),
                "rejected": [["role": "assistant", "content": "I do not know."]],
            ]
        }
        let data = try Self.file(pairs)
        defer { FolderListing.delete(data) }
        let method = Self.method("dpo")
        let whole = try ReferenceJob.thatMayStop([(isFull ? "model" : "merged") + "/model.safetensors"]) {
            try Self.job(method, data: data, isFull: isFull)
        }
        defer { whole.remove() }
        let first = try #require(whole.metrics.first)
        #expect(abs((first["train_loss"] ?? 9) - 0.6931) < 1e-3 && abs(first["rewards_margins"] ?? 9) < 1e-4, "\(first)")
        try Self.expectLearnt(whole, isFull: isFull)
    }

    /// Continued pretraining, with all weights or an adapter.
    @Test(arguments: [false, true]) func plainTextTeachesThemToo(isFull: Bool) throws {
        let texts = try Self.conversations().map { messages -> JSONNode in
            ["text": JSONNode(messages.compactMap { $0["content"]?.string }.joined(separator: " "))]
        }
        let data = try Self.file(texts)
        defer { FolderListing.delete(data) }
        let method = Self.method("pretrain")
        let whole = try ReferenceJob.thatMayStop([(isFull ? "model" : "merged") + "/model.safetensors"]) {
            try Self.job(method, data: data, isFull: isFull)
        }
        defer { whole.remove() }
        try Self.expectLearnt(whole, isFull: isFull)
    }

    /// A model without weights begins with random ones, those of new tokens among them.
    @Test func aModelThatBeginsAtRandomHasThemToo() throws {
        let texts = try Self.conversations().map { messages -> JSONNode in
            ["text": JSONNode(messages.compactMap { $0["content"]?.string }.joined(separator: " "))]
        }
        let data = try Self.file(texts)
        let model = NSTemporaryDirectory() + "tala-empty-\(UUID().uuidString)"
        try FileManager.default.copyItem(atPath: ReferenceSet.own.trajectoryModel, toPath: model)
        FolderListing.delete(model + "/model.safetensors")
        let job = try Self.job(Self.method("pretrain"), data: data, isFull: true, model: model)
        defer {
            job.remove()
            FolderListing.delete(data)
            FolderListing.delete(model)
        }
        #expect(try job.run() == .succeeded, "\(job.message)")
        try Self.expectLearnt(job, isFull: true)
    }

    /// Two lanes in one process; ``RankTests`` has them in two.
    @Test(arguments: [false, true]) func lanesShareThem(isFull: Bool) throws {
        let changes: [String: JSONNode] = ["ranks": 2]
        let lanes = try Self.job(Self.method("supervised"), data: AddedTokenJobTests.data, isFull: isFull, changes: changes)
        let plain = try Self.job(Self.method("supervised"), data: AddedTokenJobTests.data, isFull: isFull)
        defer {
            lanes.remove()
            plain.remove()
        }
        #expect(try lanes.run() == .succeeded, "\(lanes.message)")
        #expect(try plain.run() == .succeeded, "\(plain.message)")
        for (left, right) in zip(lanes.metrics, plain.metrics) {
            #expect(abs((left["train_loss"] ?? 9) - (right["train_loss"] ?? 0)) < 1e-4)
        }
        try Self.expectLearnt(lanes, isFull: isFull)
    }
}
