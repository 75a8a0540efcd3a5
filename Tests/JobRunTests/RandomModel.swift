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
        {"architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", \(sizes), "hidden_size": 32, "intermediate_size": 32,
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

    /// GPT-OSS with its experts as they are published: drawn codes and exponents of MXFP4.
    static func packedFolder() throws -> String {
        let folder = try folder("gpt_oss")
        let (experts, hidden, width) = (6, 32, 32)
        let kept = try Checkpoint(folder: folder).tensors.values.filter { !$0.name.contains(".experts.") }.sorted { $0.name < $1.name }
        // A linear congruence's upper bits (Knuth's MMIX): the same model every time.
        var state: UInt64 = 1
        func draw() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        var written: [(entry: SafetensorsWriter.Entry, bytes: [UInt8])] = kept.map {
            (.init(name: $0.name, shape: $0.shape, elementType: $0.elementType), Array($0.bytes))
        }
        for layer in 0..<2 {
            let prefix = "model.layers.\(layer).mlp.experts."
            for (name, outputs, inputs) in [("gate_up_proj", 2 * width, hidden), ("down_proj", hidden, width)] {
                let shape = [experts, outputs, inputs / 32]
                let count = shape.reduce(1, *)
                // Numbers up to 6 / 32.
                let exponents = (0..<count).map { _ in 120 + draw() % 3 }
                let codes = (0..<count * 16).map { _ in draw() }
                let bias = [UInt8](repeating: 0, count: experts * outputs * 4)
                written.append((.init(name: prefix + name + "_blocks", shape: shape + [16], elementType: .uint8), codes))
                written.append((.init(name: prefix + name + "_scales", shape: shape, elementType: .uint8), exponents))
                written.append((.init(name: prefix + name + "_bias", shape: [experts, outputs], elementType: .float32), bias))
            }
        }
        var writer = try SafetensorsWriter(path: folder + "/packed.safetensors", entries: written.map(\.entry))
        for part in written { try part.bytes.withUnsafeBytes { try writer.append($0) } }
        try writer.finish()
        try FileManager.default.removeItem(atPath: folder + "/model.safetensors")
        try FileManager.default.moveItem(atPath: folder + "/packed.safetensors", toPath: folder + "/model.safetensors")
        let text = try #require(configurations["gpt_oss"])
        let quantization = "\"quantization_config\": {\"quant_method\": \"mxfp4\"}, \"model_type\""
        try text.replacingOccurrences(of: "\"model_type\"", with: quantization).write(
            toFile: folder + "/config.json", atomically: true, encoding: .utf8)
        return folder
    }
}
