import JSON
import Models

/// The shapes of published models, for benchmarks with random weights.
enum BenchShapes {
    static let names = ["stories260k", "smollm2-135m", "qwen2.5-0.5b", "llama-3.2-1b", "phi-3-mini", "qwen3-moe-1.7b"]

    /// - Parameter name: one of ``names``, a config.json, or a folder that holds one.
    /// - Throws: ``ModelError``, which names the known shapes where there is no such file.
    static func configuration(_ name: String) throws -> ModelConfiguration {
        guard let members = builtIn(name) else { return try named(name) }
        return try ModelConfiguration(json: JSONNode(members), file: "the built-in shape")
    }

    /// The config.json of a built-in shape; nil for other names.
    static func builtIn(_ name: String) -> [JSONMember]? {
        switch name {
        case "stories260k": make("llama", 64, 5, 8, 4, 172, 512, ties: true)
        case "smollm2-135m": make("llama", 576, 30, 9, 3, 1536, 49152, ties: true)
        case "qwen2.5-0.5b": make("qwen2", 896, 24, 14, 2, 4864, 151_936, ties: true)
        case "llama-3.2-1b": make("llama", 2048, 16, 32, 8, 8192, 128_256, ties: true)
        case "phi-3-mini": make("phi3", 3072, 32, 32, 32, 8192, 32064, ties: false)
        case "qwen3-moe-1.7b":
            make("qwen3_moe", 1024, 16, 16, 8, 2048, 32_000, ties: true) + [
                JSONMember("head_dim", 64), JSONMember("num_experts", 64), JSONMember("num_experts_per_tok", 8),
                JSONMember("moe_intermediate_size", 512), JSONMember("norm_topk_prob", true),
            ]
        default: nil
        }
    }

    private static func named(_ name: String) throws -> ModelConfiguration {
        do { return try ModelConfiguration(folder: name.hasSuffix("/config.json") ? String(name.dropLast(12)) : name) } catch {
            throw ModelError(
                file: error.file, field: error.field, "\(error.message); the built-in shapes are \(names.joined(separator: ", "))")
        }
    }

    private static func make(
        _ type: String, _ hidden: Int, _ layers: Int, _ heads: Int, _ keyValueHeads: Int, _ feedForward: Int, _ vocabulary: Int, ties: Bool
    ) -> [JSONMember] {
        [
            JSONMember("model_type", JSONNode(type)), JSONMember("hidden_size", JSONNode(hidden)),
            JSONMember("num_hidden_layers", JSONNode(layers)), JSONMember("num_attention_heads", JSONNode(heads)),
            JSONMember("num_key_value_heads", JSONNode(keyValueHeads)), JSONMember("intermediate_size", JSONNode(feedForward)),
            JSONMember("vocab_size", JSONNode(vocabulary)), JSONMember("tie_word_embeddings", JSONNode(ties)),
            JSONMember("rms_norm_eps", 1e-5), JSONMember("max_position_embeddings", 4096),
        ]
    }
}
