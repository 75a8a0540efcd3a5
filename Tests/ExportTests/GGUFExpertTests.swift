import Foundation
import GGUF
import JSON
import Manifest
import Models
import Storage
import Tensors
import TestSupport
import Testing

@testable import Export
@testable import GGUFModels

/// Mixtures of experts in GGUF files, where the matrices of all experts of a layer are one tensor.
@Suite struct GGUFExpertTests {
    private static let sizes = """
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
        "vocab_size": 768, "tie_word_embeddings": false, "max_position_embeddings": 512, "initializer_range": 0.3,
        """
    private static let configurations = [
        "qwen3_moe": """
        {"model_type": "qwen3_moe", \(sizes) "intermediate_size": 96, "moe_intermediate_size": 64, "num_experts": 12,
         "num_experts_per_tok": 3, "norm_topk_prob": true, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0}
        """,
        "mixtral": """
        {"model_type": "mixtral", \(sizes) "intermediate_size": 64, "num_local_experts": 12, "num_experts_per_tok": 2,
         "rms_norm_eps": 1e-5, "rope_theta": 1000000.0}
        """,
        "phimoe": """
        {"model_type": "phimoe", \(sizes) "intermediate_size": 64, "num_local_experts": 12, "num_experts_per_tok": 2,
         "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "attention_bias": true, "lm_head_bias": true, "router_jitter_noise": 0.01,
         "sliding_window": 512, "rope_scaling": {"type": "longrope", "short_mscale": 1.25, "long_mscale": 1.25,
         "original_max_position_embeddings": 64, "short_factor": [1.0, 1.5, 2.0, 2.5], "long_factor": [1.0, 2.0, 4.0, 8.0]}}
        """,
        "gpt_oss": """
        {"model_type": "gpt_oss", \(sizes) "intermediate_size": 64, "num_local_experts": 12, "num_experts_per_tok": 3,
         "rms_norm_eps": 1e-5, "rope_theta": 150000.0, "sliding_window": 16, "rope_scaling": {"rope_type": "yarn", "factor": 8.0,
         "original_max_position_embeddings": 64, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": false}}
        """,
    ]

    private static func inFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "tala-gguf-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        defer { FolderListing.delete(folder) }
        try body(folder)
    }

    /// Writes a model with random weights and its file.
    private static func write(_ type: String, _ mix: GGUFMix, in folder: String, _ change: (String) -> String = { $0 }) throws -> Checkpoint
    {
        let text = change(try #require(configurations[type]))
        try text.write(toFile: folder + "/config.json", atomically: true, encoding: .utf8)
        try RandomCheckpoint(ModelConfiguration(folder: folder), elementType: .float32).make(in: folder)
        let checkpoint = try Checkpoint(folder: folder)
        let plan = try GGUFPlan(GGUFTexts(JoinedFolder(folder, tokenizer: ReferenceSet.own.chatModel)), checkpoint, mix: mix, name: "Name")
        try GGUFExport.writeModel(plan, StoredRows(checkpoint), to: folder + "/model.gguf")
        return checkpoint
    }

    @Test(arguments: ["qwen3_moe", "mixtral", "phimoe", "gpt_oss"]) func aFileHoldsEveryExpertAndIsReadAgain(type: String) throws {
        try Self.inFolder { folder in
            let checkpoint = try Self.write(type, .f32, in: folder)
            let file = try GGUFFile(folder + "/model.gguf")
            #expect(file.tensors["blk.1.ffn_gate_exps.weight"]?.shape == [12, 64, 32])
            #expect(file.tensors["blk.1.ffn_down_exps.weight"]?.shape == [12, 32, 64])
            #expect(file.tensors["blk.0.ffn_gate_inp.weight"]?.shape == [12, 32])
            let name = ["mixtral": "llama", "phimoe": "phimoe", "gpt_oss": "gpt-oss"][type] ?? "qwen3moe"
            #expect(file.metadata["general.architecture"] == name && file.metadata["\(name).expert_count"] == "12")
            #expect(file.metadata["\(name).expert_used_count"] == (["mixtral", "phimoe"].contains(type) ? "2" : "3"))
            let opened = try OpenedModel(path: folder + "/model.gguf")
            #expect(opened.configuration.modelType == type)
            let known = try ModelConfiguration(folder: folder)
            #expect(opened.configuration.isSliding == known.isSliding && opened.configuration.slidingWindow == known.slidingWindow)
            #expect(opened.configuration.rotaryTables == known.rotaryTables)
            let weights = try #require(opened.weights)
            #expect(Set(weights.tensors.keys) == Set(checkpoint.tensors.keys))
            for (name, tensor) in checkpoint.tensors {
                #expect(weights.tensors[name]?.floats() == tensor.floats() && weights.tensors[name]?.shape == tensor.shape, "\(name)")
            }
            let expert = weights.tensors.keys.first { $0.contains(".7.") && $0.contains("experts") } ?? ""
            let ending = expert.hasSuffix(".bias") ? "_exps.bias" : "_exps.weight"
            #expect(weights.title(of: expert).hasSuffix(ending), "\(weights.title(of: expert))")
        }
    }

    @Test func blocksOfExpertsStayWhereTheyLie() throws {
        try Self.inFolder { folder in
            let checkpoint = try Self.write("qwen3_moe", .q8_0, in: folder)
            let opened = try OpenedModel(path: folder + "/model.gguf")
            let weights = try #require(opened.weights)
            let name = "model.layers.1.mlp.experts.5.up_proj.weight"
            let (own, stored) = (try #require(checkpoint.tensors[name]).floats(), try #require(weights.tensors[name]))
            #expect(stored.blocks != nil && weights.tensors["model.layers.1.mlp.gate.weight"]?.blocks == nil)
            #expect(zip(stored.floats(), own).allSatisfy { abs($0 - $1) < 0.02 })
            let model = try LanguageModel(opened.configuration, source: .checkpoint(weights), training: .nothing, maximumLength: 8)
            let mapped = try #require(model.mappedWeights["stack/model.layers.1.mlp.experts.0.up_proj.weight"])
            #expect(mapped.count == 12 * stored.bytes.count)
        }
    }

    /// MXFP4 of experts that are in MXFP4 is the same, number by number.
    @Test func sinksAndBiasesHaveTheirNamesAndBlocksOfExpertsAreWrittenAsTheyAre() throws {
        try Self.inFolder { folder in
            _ = try Self.write("gpt_oss", .mxfp4, in: folder)
            let file = try GGUFFile(folder + "/model.gguf")
            let shapes = [
                "attn_sinks.weight": [4], "attn_q.bias": [32], "attn_output.bias": [32], "ffn_gate_inp.bias": [12],
                "ffn_gate_exps.bias": [12, 64], "ffn_up_exps.bias": [12, 64], "ffn_down_exps.bias": [12, 32],
                "post_attention_norm.weight": [32],
            ]
            for (name, shape) in shapes { #expect(file.tensors["blk.1.\(name)"]?.shape == shape, "\(name)") }
            for (key, value) in [
                ("expert_feed_forward_length", "64"), ("attention.sliding_window", "16"), ("rope.scaling.type", "yarn"),
                ("rope.scaling.original_context_length", "64"), ("expert_count", "12"), ("expert_used_count", "3"),
            ] { #expect(file.metadata["gpt-oss.\(key)"] == value, "\(key)") }
            let opened = try OpenedModel(path: folder + "/model.gguf")
            let weights = try #require(opened.weights)
            let layer = "model.layers.1."
            #expect(weights.tensors[layer + "mlp.experts.3.up_proj.weight"]?.blocks?.word == "mxfp4")
            #expect(weights.tensors[layer + "self_attn.q_proj.weight"]?.blocks?.word == "q8_0")
            let plan = try GGUFPlan(
                GGUFTexts(JoinedFolder(folder, tokenizer: ReferenceSet.own.chatModel)), weights, mix: .mxfp4, name: "Name")
            try GGUFExport.writeModel(plan, StoredRows(weights), to: folder + "/again.gguf")
            let again = try #require(try OpenedModel(path: folder + "/again.gguf").weights)
            for (name, tensor) in weights.tensors where name.contains(".experts.") {
                #expect(again.tensors[name]?.floats() == tensor.floats(), "\(name)")
            }
        }
    }

    @Test func whatLlamaCppComputesOtherwiseIsRefused() throws {
        for (other, word) in [
            ("\"norm_topk_prob\": false", "norm_topk_prob"), ("\"norm_topk_prob\": true, \"mlp_only_layers\": [1]", "mlp_only_layers"),
            ("\"norm_topk_prob\": true, \"decoder_sparse_step\": 2", "decoder_sparse_step"),
        ] {
            try Self.inFolder { folder in
                do {
                    _ = try Self.write("qwen3_moe", .f16, in: folder) {
                        $0.replacingOccurrences(of: "\"norm_topk_prob\": true", with: other)
                    }
                    Issue.record("\(other) was written")
                } catch let error as GGUFError {
                    #expect(error.description.contains(word), "\(error)")
                }
            }
        }
    }
}
