import Foundation
import JSON
import Jobs
import Models
import Spool
import Storage
import Tensors
import TestSupport
import Testing
import Worker

/// Whole jobs that tune a mixture of experts: from the manifest to a result, and the same bytes
/// where a worker was stopped on the way.
@Suite(.serialized) struct ExpertJobTests {
    /// What is tuned, and where.
    struct Kind: Sendable, CustomTestStringConvertible {
        var type: String
        /// Nil: all weights.
        var targets: [String]?
        var device = "cpu"

        var testDescription: String { "\(type) \(targets?.joined(separator: " ") ?? "full") \(device)" }
    }
    static let kinds = [
        Kind(type: "qwen3_moe", targets: ["q_proj", "o_proj", "up_proj", "down_proj"]), Kind(type: "qwen3_moe"),
        Kind(type: "gpt_oss", targets: ["q_proj", "v_proj", "gate_proj", "down_proj"]), Kind(type: "gpt_oss"),
        Kind(type: "gpt_oss", targets: ["q_proj", "down_proj"], device: "vulkan"),
    ]

    @Test(arguments: kinds) func aJobOverAMixtureThatIsStoppedEndsInTheSameBytes(kind: Kind) throws {
        let model = try RandomModel.folder(kind.type)
        defer { FolderListing.delete(model) }
        var changes: [String: JSONNode] = ["checkpoint": ["every_steps": 3], "shuffle": true]
        if let targets = kind.targets {
            changes["adapter"] = [
                "type": "lora", "rank": 4, "alpha": 8, "dropout": 0.05, "target_modules": JSONNode(targets.map { JSONNode($0) }),
            ]
            changes["result"] = ["formats": ["adapter", "merged"]]
        }
        let jobs = try (0..<2).map { _ in
            try ReferenceJob(lora: kind.targets != nil, device: kind.device, model: model, changes: changes, steps: 8)
        }
        defer { for job in jobs { job.remove() } }
        let (whole, cut) = (jobs[0], jobs[1])
        #expect(try whole.run() == .succeeded, "\(whole.folder.status()?.error?.message ?? "")")
        for limit in [2.0, 5] { #expect(try cut.run(stop: { (cut.metrics.last?["step"] ?? 0) >= limit }) == .stopped) }
        #expect(try cut.run() == .succeeded, "\(cut.folder.status()?.error?.message ?? "")")
        let files = kind.targets == nil ? ["model/model.safetensors"] : ["adapter/adapter_model.safetensors", "merged/model.safetensors"]
        for file in files { #expect(try whole.resultBytes(file) == cut.resultBytes(file), "\(file)") }
        let losses = whole.metrics.compactMap { $0["train_loss"] }
        #expect(losses == cut.metrics.compactMap { $0["train_loss"] } && losses.count == 8)
        if kind.targets == nil { #expect(try #require(losses.last) < losses[0], "\(losses)") }
        // The result is a model of its own, as others of its family lie on disk.
        let result = whole.folder.result + (kind.targets == nil ? "/model" : "/merged")
        let names = Set(try Checkpoint(folder: result).tensors.keys)
        #expect(names.contains("model.layers.1.mlp.experts.down_proj") == (kind.type == "gpt_oss"))
        #expect(names.contains("model.layers.1.mlp.experts.5.down_proj.weight") == (kind.type == "qwen3_moe"))
        let opened = try OpenedModel(path: result)
        #expect(opened.weights?.tensors["model.layers.1.mlp.experts.5.down_proj.weight"]?.shape == [32, kind.type == "gpt_oss" ? 32 : 24])
    }

    /// Experts in MXFP4 stay what they are where attention alone is tuned, and are written in
    /// sixteen bits where they are tuned themselves; either result has been loaded and run before
    /// the job succeeds.
    @Test(arguments: [["q_proj", "o_proj"], ["q_proj", "down_proj"]])
    func aJobOverExpertsInBlocksWritesThemAsTheyWereOrWhole(targets: [String]) throws {
        let model = try RandomModel.packedFolder()
        defer { FolderListing.delete(model) }
        let adapter: JSONNode = ["type": "lora", "rank": 4, "alpha": 8, "target_modules": JSONNode(targets.map { JSONNode($0) })]
        let job = try ReferenceJob(
            lora: true, model: model, changes: ["adapter": adapter, "result": ["formats": ["adapter", "merged"]]], steps: 4)
        defer { job.remove() }
        #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        let (base, merged) = (try Checkpoint(folder: model), try Checkpoint(folder: job.folder.result + "/merged"))
        let changesExperts = targets.contains("down_proj")
        let name = "model.layers.1.mlp.experts.gate_up_proj"
        #expect((merged.tensors[name + "_blocks"] == nil) == changesExperts && (merged.tensors[name] != nil) == changesExperts)
        if !changesExperts {
            #expect(Set(merged.tensors.keys) == Set(base.tensors.keys))
            for ending in ["_blocks", "_scales"] {
                #expect(merged.tensors[name + ending]?.bytes.elementsEqual(try #require(base.tensors[name + ending]).bytes) == true)
            }
        }
        let text = try String(contentsOfFile: job.folder.result + "/merged/config.json", encoding: .utf8)
        #expect(text.contains("quantization_config") != changesExperts)
    }
}
