import Foundation
import Models
import Storage
import Tensors
import TestSupport
import Testing

/// Small models of several families with random weights, which jobs can tune.
enum RandomModel {
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
        "gpt2": """
        {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512,
         "vocab_size": 768, "initializer_range": 0.1, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new",
         "bos_token_id": 1, "eos_token_id": 2}
        """,
        "gpt_oss": """
        {"architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", \(sizes), "hidden_size": 32, "intermediate_size": 24,
         "num_local_experts": 6, "num_experts_per_tok": 2, "sliding_window": 32, "rope_theta": 150000.0, "rope_scaling":
         {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64, "truncate": false}}
        """,
    ]

    /// A folder with random weights and the tokenizer of the model that the trajectories begin
    /// from.
    static func folder(_ type: String) throws -> String {
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
}
