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
    private static let sizes = """
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 768,
        "tie_word_embeddings": false, "max_position_embeddings": 512, "initializer_range": 0.1, "rms_norm_eps": 1e-6,
        "bos_token_id": 1, "eos_token_id": 2
        """
    private static let configurations = [
        "qwen3_moe": """
        {"architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", \(sizes), "hidden_size": 32, "intermediate_size": 48,
         "moe_intermediate_size": 24, "num_experts": 6, "num_experts_per_tok": 2, "norm_topk_prob": true,
         "output_router_logits": true, "router_aux_loss_coef": 0.01}
        """,
        "gpt_oss": """
        {"architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", \(sizes), "hidden_size": 32, "intermediate_size": 24,
         "num_local_experts": 6, "num_experts_per_tok": 2, "sliding_window": 32, "rope_theta": 150000.0, "rope_scaling":
         {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64, "truncate": false}}
        """,
    ]

    /// A folder with random weights and the tokenizer of the model that the trajectories begin
    /// from.
    private static func model(_ type: String) throws -> String {
        let folder = NSTemporaryDirectory() + "tala-mixture-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        let source = ReferenceSet.own.trajectoryModel
        for name in try FolderListing.names(in: source) where !name.hasSuffix(".safetensors") && name != "config.json" {
            try FileManager.default.copyItem(atPath: source + "/" + name, toPath: folder + "/" + name)
        }
        try #require(configurations[type]).write(toFile: folder + "/config.json", atomically: true, encoding: .utf8)
        try RandomCheckpoint(ModelConfiguration(folder: folder), elementType: .float32).make(in: folder)
        return folder
    }

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
        let model = try Self.model(kind.type)
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
        #expect(try #require(losses.last) < losses[0], "\(losses)")
        // The result is a model of its own, as others of its family lie on disk.
        let result = whole.folder.result + (kind.targets == nil ? "/model" : "/merged")
        let names = Set(try Checkpoint(folder: result).tensors.keys)
        #expect(names.contains("model.layers.1.mlp.experts.down_proj") == (kind.type == "gpt_oss"))
        #expect(names.contains("model.layers.1.mlp.experts.5.down_proj.weight") == (kind.type == "qwen3_moe"))
        let opened = try OpenedModel(path: result)
        #expect(opened.weights?.tensors["model.layers.1.mlp.experts.5.down_proj.weight"]?.shape == [32, 24])
    }
}
