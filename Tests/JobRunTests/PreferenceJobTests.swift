import CPUBackend
import Foundation
import Graph
import JSON
import Jobs
import Manifest
import Models
import Preparation
import Spool
import Storage
import Tensors
import TestSupport
import Testing
import Training
import Worker

/// Whole jobs of preference tuning.
@Suite(.serialized) struct PreferenceJobTests {
    static let sets = ReferenceSet.available.filter { $0.has("preference/dpo-lora-r8/trajectory.json") }

    private static func method(_ more: [JSONMember] = [], batch: Int = 8, rate: Double = 5e-4, steps: Int? = nil) -> JSONNode {
        let length = steps.map { JSONMember("max_steps", JSONNode($0)) } ?? JSONMember("n_epochs", 2)
        return [
            "type": "dpo",
            "dpo": [
                "hyperparameters": JSONNode(
                    [JSONMember("batch_size", JSONNode(batch)), JSONMember("learning_rate", JSONNode(rate)), length] + more)
            ],
        ]
    }

    /// Eight short pairs or judged answers: one answer is preferred to the other throughout.
    private static func data(judged: Bool = false) throws -> String {
        let path = NSTemporaryDirectory() + "tala-pairs-\(UUID().uuidString).jsonl"
        let answers: [JSONNode] = [
            ["role": "assistant", "content": "Yes, it is."], ["role": "assistant", "content": "No."],
        ]
        let lines = (0..<8).map { index -> JSONNode in
            let prompt: JSONNode = ["role": "user", "content": JSONNode("Is \(index) a number?")]
            if judged {
                return ["messages": JSONNode([prompt, answers[index % 3 == 0 ? 1 : 0]]), "label": JSONNode(index % 2 == 0)]
            }
            return [
                "input": ["messages": JSONNode([prompt])], "preferred_output": JSONNode([answers[0]]),
                "non_preferred_output": JSONNode([answers[1]]),
            ]
        }
        try DurableFiles.replace(path, with: lines.map { JSONWriter().string($0) + "\n" }.joined())
        return path
    }

    private static func compare(_ set: ReferenceSet, on device: String) throws {
        let changes: [String: JSONNode] = [
            "method": method([JSONMember("beta", 0.1)]), "schedule": ["type": "linear", "warmup_steps": 4],
        ]
        let job = try ReferenceJob(
            set, lora: true, device: device, data: set.path("preference/train.jsonl"),
            validationData: set.path("preference/validation.jsonl"), initialAdapter: set.path("preference/dpo-lora-r8/initial_adapter"),
            changes: changes)
        defer { job.remove() }
        let outcome = try job.run()
        #expect(outcome == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        let golden = try set.json("preference/dpo-lora-r8/trajectory.json")
        let steps = try #require(golden["steps"]?.array)
        let metrics = job.metrics
        #expect(metrics.count == steps.count)
        for (found, step) in zip(metrics, steps) {
            let bounds: [(String, String, Double)] = [
                ("train_loss", "loss", 1e-4), ("learning_rate", "lr", 1e-9), ("rewards_chosen", "rewards_chosen", 1e-3),
                ("rewards_rejected", "rewards_rejected", 1e-3), ("rewards_margins", "rewards_margins", 1e-3),
                ("rewards_accuracies", "rewards_accuracies", 0),
            ]
            for (column, key, bound) in bounds {
                let (value, wanted) = (try #require(found[column], "\(column)"), try #require(step[key]?.double))
                #expect(abs(value - wanted) <= bound, "step \(step["step"]?.integer ?? 0): \(column) \(value), reference \(wanted)")
            }
            let (norm, wanted) = (try #require(found["grad_norm"]), try #require(step["grad_norm"]?.double))
            #expect(abs(norm - wanted) <= 1e-4 * wanted, "step \(step["step"]?.integer ?? 0): norm \(norm), reference \(wanted)")
        }
        let after = try #require(golden["validation_after"])
        let evaluation = try #require(try JSONParser().parse(job.resultBytes("evaluation.json"))["validation"])
        for key in ["loss", "rewards_chosen", "rewards_rejected", "rewards_margins", "rewards_accuracies", "logps_chosen"] {
            let (value, wanted) = (try #require(evaluation[key]?.double, "\(key)"), try #require(after[key]?.double))
            #expect(abs(value - wanted) <= (key == "loss" ? 1e-4 : 5e-3), "\(key) \(value), reference \(wanted)")
        }
        #expect(evaluation["pairs"]?.integer == after["pairs"]?.integer)
        #expect(metrics.last?["full_valid_rewards_margins"] == evaluation["rewards_margins"]?.double)
        let wanted = try SafetensorsFile(path: set.path("preference/dpo-lora-r8/final_adapter/adapter_model.safetensors")).tensors
        let found = try SafetensorsFile(path: job.folder.result + "/adapter/adapter_model.safetensors").tensors
        #expect(found.count == wanted.count)
        for tensor in wanted {
            let other = try #require(found.first { $0.name == tensor.name })
            let error = zip(tensor.floats(), other.floats()).map { abs($0 - $1) }.max() ?? .infinity
            #expect(error <= 5e-5, "\(tensor.name) is off by \(error)")
        }
    }

    @Test(.enabled(if: !sets.isEmpty, "../shared/golden is not there"), arguments: sets)
    func twentyFourStepsOnTheProcessorAreTheReferences(set: ReferenceSet) throws { try Self.compare(set, on: "cpu") }

    @Test(.enabled(if: !sets.isEmpty, "../shared/golden is not there"), arguments: sets)
    func twentyFourStepsOnVulkanAreTheReferences(set: ReferenceSet) throws {
        setenv("TALA_VULKAN_VALIDATION", "1", 1)
        defer { unsetenv("TALA_VULKAN_VALIDATION") }
        try Self.compare(set, on: "vulkan")
    }

    /// The reference is what the model said before training, also for the worker that goes on, and
    /// also where the tokens' folder was lost.
    @Test(arguments: ["sigmoid", "kto"], [false, true]) func aJobThatIsStoppedEndsInTheSameBytes(loss: String, losesTokens: Bool) throws {
        let data = try Self.data(judged: loss == "kto")
        defer { FolderListing.delete(data) }
        let changes: [String: JSONNode] = [
            "method": Self.method([JSONMember("loss", JSONNode(loss))], batch: 4, steps: 8), "checkpoint": ["every_steps": 2],
            "shuffle": true,
            "adapter": ["type": "lora", "rank": 8, "alpha": 16, "dropout": 0.1],
        ]
        let model = ReferenceSet.own.chatModel
        let whole = try ReferenceJob(lora: true, model: model, data: data, changes: changes)
        let cut = try ReferenceJob(lora: true, model: model, data: data, changes: changes)
        defer {
            whole.remove()
            cut.remove()
        }
        #expect(try whole.run() == .succeeded, "\(whole.folder.status()?.error?.message ?? "")")
        #expect(try cut.run(stop: { (cut.metrics.last?["step"] ?? 0) >= 5 }) == .stopped)
        if losesTokens { cut.folder.removeTokens() }
        #expect(try cut.run() == .succeeded, "\(cut.folder.status()?.error?.message ?? "")")
        #expect(try whole.resultBytes("adapter/adapter_model.safetensors") == cut.resultBytes("adapter/adapter_model.safetensors"))
        for column in ["train_loss", "rewards_chosen", "rewards_rejected", "rewards_margins", "full_valid_rewards_chosen"] {
            #expect(whole.metrics.map { $0[column] } == cut.metrics.map { $0[column] }, "\(column)")
            #expect(whole.metrics.contains { $0[column] != nil }, "\(column)")
        }
        let events = String(decoding: try DurableFiles.read(cut.folder.eventsFile), as: UTF8.self)
        #expect(events.components(separatedBy: "before training").count - 1 == (losesTokens ? 2 : 1), "the reference is computed once")
        #expect(!FolderListing.exists(cut.folder.tokens + "/references"))
    }

    @Test func allWeightsAndAnAdapterAsItWasGivenBeginWhereTheReferenceIs() throws {
        let data = try Self.data()
        defer { FolderListing.delete(data) }
        func losses(_ lora: Bool, adapter: String? = nil) throws -> ([Double], JobFolder) {
            let job = try ReferenceJob(
                lora: lora, data: data, initialAdapter: adapter,
                changes: ["method": Self.method(rate: 1e-4, steps: 4), "schedule": ["type": "constant"]])
            #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
            return (job.metrics.map { $0["train_loss"] ?? 0 }, job.folder)
        }
        let (full, first) = try losses(false)
        defer { FolderListing.delete(DurableFiles.split(first.path).folder) }
        #expect(abs(full[0] - 0.693_147) < 1e-5 && full[3] < full[0])
        // This adapter has learnt something: compared with the base alone, the first loss would say
        // so.
        let tuning = try ReferenceJob(lora: true, steps: 8)
        defer { tuning.remove() }
        #expect(try tuning.run() == .succeeded)
        let (continued, second) = try losses(true, adapter: tuning.folder.result + "/adapter")
        defer { FolderListing.delete(DurableFiles.split(second.path).folder) }
        #expect(abs(continued[0] - 0.693_147) < 1e-5)
    }

    @Test(arguments: ["simpo", "orpo_full_nll"]) func aLossWithoutAReferenceComputesNone(loss: String) throws {
        let data = try Self.data()
        defer { FolderListing.delete(data) }
        let job = try ReferenceJob(
            lora: true, model: ReferenceSet.own.chatModel, data: data,
            changes: [
                "method": Self.method([JSONMember("loss", JSONNode(loss))], batch: 4, steps: 3), "adapter": ["type": "lora", "rank": 4],
            ])
        defer { job.remove() }
        #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        let events = String(decoding: try DurableFiles.read(job.folder.eventsFile), as: UTF8.self)
        #expect(!events.contains("before training") && events.contains("Result read back"))
    }

    /// Both answers of a pair take what as many tokens of conversations take, and little more.
    @Test func aPairTakesHardlyMoreMemoryThanItsTokens() throws {
        let folder = ReferenceSet.own.chatModel
        let device = try CPUDevice()
        let model = try LanguageModel(
            ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)),
            training: .adapter(AdapterSettings(rank: 8, alpha: 16), seed: 1), maximumLength: 512)
        func bytes(_ objective: any Objective) throws -> Int {
            let planner = MemoryPlanner(device: device, optimizer: AdamWOptimizer(), objective: objective, byteLimit: nil)
            return try planner.plan(model, .init(tokenCount: 1024, recomputedLayers: 0, baseWeights: .stored)).peakBytes
        }
        let supervised = try bytes(SupervisedObjective())
        for loss in Manifest.Preference.Loss.allCases {
            var settings = Manifest.Preference()
            settings.loss = loss
            let ratio = Double(try bytes(PreferenceObjective(settings))) / Double(supervised)
            #expect(ratio <= 1.15, "\(loss.rawValue): \(ratio) times the memory of supervised training")
        }
    }
}
