import GGUF
import JSON

/// What a GGUF file says of a model, from its config.json.
struct GGUFConfiguration {
    struct Sizes {
        var layers, positions, hidden, inner, heads, keyHeads, headWidth, vocabulary: Int
    }
    private let node: JSONNode

    init(_ node: JSONNode) { self.node = node }

    var modelType: String { node["model_type"]?.string ?? "" }

    func number(_ key: String) -> Double? { node[key]?.double }
    func flag(_ key: String) -> Bool? { node[key]?.bool }

    private func count(_ key: String) throws(GGUFError) -> Int {
        guard let count = node[key]?.integer, (1...(1 << 30)).contains(count) else { throw GGUFError("config.json: \(key) is missing") }
        return count
    }

    func sizes() throws(GGUFError) -> Sizes {
        let (hidden, heads) = (try count("hidden_size"), try count("num_attention_heads"))
        return Sizes(
            layers: try count("num_hidden_layers"), positions: try count("max_position_embeddings"), hidden: hidden,
            inner: try count("intermediate_size"), heads: heads, keyHeads: node["num_key_value_heads"]?.integer ?? heads,
            headWidth: node["head_dim"]?.integer ?? hidden / heads, vocabulary: try count("vocab_size"))
    }

    /// Rotary settings: under `rope_scaling`, or, since transformers 5, under `rope_parameters`,
    /// where models with two tables have one for each kind of layer.
    private var rotary: JSONNode? {
        let settings = node["rope_parameters"] ?? node["rope_scaling"]
        return settings?["full_attention"] ?? settings
    }

    private var rotaryType: String { rotary?["rope_type"]?.string ?? rotary?["type"]?.string ?? "default" }

    var rotaryBase: Double {
        node["rope_theta"]?.double ?? node["rotary_emb_base"]?.double ?? rotary?["rope_theta"]?.double
            ?? (modelType.hasPrefix("gemma3") ? 1e6 : 1e4)
    }

    /// The share of a head that is rotated.
    private func rotaryShare(_ key: String = "partial_rotary_factor", or standard: Double) -> Double {
        number(key) ?? rotary?["partial_rotary_factor"]?.double ?? standard
    }

    /// What no key of a GGUF file says, and llama.cpp computes in one way.
    func check() throws(GGUFError) {
        let sizes = try sizes()
        if !["default", "linear", "yarn", "llama3", "longrope", "su"].contains(rotaryType) {
            throw GGUFError("config.json: rotary scaling \"\(rotaryType)\" cannot be said in a GGUF file")
        }
        if modelType == "gemma2", let scalar = number("query_pre_attn_scalar"), scalar != Double(sizes.headWidth) {
            throw GGUFError(
                "config.json: query_pre_attn_scalar is \(scalar), and llama.cpp scales Gemma 2's scores by the width of a head alone")
        }
        if modelType == "smollm3", let interval = node["no_rope_layer_interval"]?.integer, interval != 4 {
            throw GGUFError("config.json: no_rope_layer_interval is \(interval), and llama.cpp leaves every fourth layer without rotation")
        }
        if ["gemma3_text"].contains(modelType), let pattern = node["sliding_window_pattern"]?.integer, pattern != 6 {
            throw GGUFError("config.json: sliding_window_pattern is \(pattern), and llama.cpp's is 6")
        }
        if flag("qk_layernorm") == true {
            throw GGUFError("config.json: qk_layernorm is true, and llama.cpp has no norms of heads in this family")
        }
        if modelType.hasPrefix("qwen"), flag("use_sliding_window") == true {
            throw GGUFError("config.json: use_sliding_window is true, and llama.cpp has no window for this family")
        }
    }

    /// What differs from family to family, behind the keys that all have.
    func ownKeys(_ sizes: Sizes) throws(GGUFError) -> [(String, GGUFValue)] {
        func scale(_ key: String) throws(GGUFError) -> GGUFValue {
            guard let number = number(key) else { throw GGUFError("config.json: \(key) is missing") }
            return .float32(number)
        }
        let window = node["sliding_window"]?.integer
        switch modelType {
        case "phi3":
            let share = rotaryShare(or: 1)
            return [
                ("rope.dimension_count", .uint32(Int(share * Double(sizes.hidden)) / sizes.heads)),
                ("rope.scaling.original_context_length", .uint32(originalPositions ?? sizes.positions)),
                ("attention.sliding_window", .uint32(window ?? 0)),
            ] + (isLongrope ? [("rope.scaling.attn_factor", .float32(longropeFactor(sizes)))] : [])
        case "gemma2":
            return [
                ("attn_logit_softcapping", try scale("attn_logit_softcapping")),
                ("final_logit_softcapping", try scale("final_logit_softcapping")), ("attention.sliding_window", .uint32(window ?? 4096)),
            ]
        case "gemma3_text":
            let settings = node["rope_parameters"]?["sliding_attention"]?["rope_theta"]?.double
            return [
                ("rope.freq_base_swa", .float32(number("rope_local_base_freq") ?? settings ?? 1e4)),
                ("attention.sliding_window", .uint32(window ?? 0)),
            ]
        case "granite":
            return [
                ("attention.scale", try scale("attention_multiplier")), ("embedding_scale", try scale("embedding_multiplier")),
                ("residual_scale", try scale("residual_multiplier")), ("logit_scale", try scale("logits_scaling")),
            ] + scaling()
        case "phi": return [("rope.dimension_count", .uint32(Int(rotaryShare(or: 0.5) * Double(sizes.hidden)) / sizes.heads))] + scaling()
        case "glm4": return [("rope.dimension_count", .uint32(Int(rotaryShare(or: 0.5) * Double(sizes.headWidth))))] + scaling()
        case "gpt_neox":
            return [
                ("rope.dimension_count", .uint32(Int(rotaryShare("rotary_pct", or: 0.25) * Double(sizes.hidden / sizes.heads)))),
                ("use_parallel_residual", .bool(flag("use_parallel_residual") ?? true)),
            ] + scaling()
        default: return scaling()
        }
    }

    /// What llama.cpp computes otherwise, though the file can be used, a sentence each.
    var remarks: [String] {
        var remarks: [String] = []
        let positions = node["max_position_embeddings"]?.integer ?? 0
        if ["phi3", "mistral", "starcoder2"].contains(modelType), let window = node["sliding_window"]?.integer, window < positions {
            remarks.append(
                "llama.cpp has no sliding window for this family: behind \(window) tokens its answers are others than the model's own")
        }
        if modelType == "gpt_neox", node["hidden_act"]?.string ?? "gelu" == "gelu" {
            remarks.append("llama.cpp computes GELU by its approximation with a hyperbolic tangent; this family's own is exact")
        }
        return remarks
    }

    private func scaling() -> [(String, GGUFValue)] {
        guard ["linear", "yarn"].contains(rotaryType), let factor = rotary?["factor"]?.double else { return [] }
        var keys: [(String, GGUFValue)] = [("rope.scaling.type", .string(rotaryType)), ("rope.scaling.factor", .float32(factor))]
        guard rotaryType == "yarn" else { return keys }
        keys.append(("rope.scaling.original_context_length", .uint32(originalPositions ?? 0)))
        for (key, name) in [("beta_fast", "yarn_beta_fast"), ("beta_slow", "yarn_beta_slow"), ("attention_factor", "yarn_attn_factor")] {
            if let number = rotary?[key]?.double { keys.append(("rope.scaling." + name, .float32(number))) }
        }
        return keys
    }

    private var originalPositions: Int? {
        node["original_max_position_embeddings"]?.integer ?? rotary?["original_max_position_embeddings"]?.integer
    }

    private var isLongrope: Bool { rotaryType == "longrope" || rotaryType == "su" }

    /// `sqrt(1 + ln(max/original) / ln(original))`.
    private func longropeFactor(_ sizes: Sizes) -> Double {
        let original = Double(originalPositions ?? sizes.positions)
        let ratio = Double(sizes.positions) / original
        return ratio <= 1 ? 1 : (1 + Logarithm.of(ratio) / Logarithm.of(original)).squareRoot()
    }

    /// Divisors of the rotary frequencies that a file has as tensors, by their names.
    func rotaryFactors() throws(GGUFError) -> [(name: String, factors: [Float])] {
        let sizes = try sizes()
        if isLongrope {
            var found: [(name: String, factors: [Float])] = []
            for (key, name) in [("long_factor", "rope_factors_long.weight"), ("short_factor", "rope_factors_short.weight")] {
                let factors = (rotary?[key]?.array ?? []).compactMap { number in number.double.map { Float($0) } }
                guard !factors.isEmpty else { throw GGUFError("config.json: \(key) of the rotary scaling is missing") }
                found.append((name, factors))
            }
            return found
        }
        guard rotaryType == "llama3" else { return [] }
        guard let factor = rotary?["factor"]?.double, let low = rotary?["low_freq_factor"]?.double,
            let high = rotary?["high_freq_factor"]?.double, let original = originalPositions
        else { throw GGUFError("config.json: a factor of the rotary scaling llama3 is missing") }
        let width = sizes.headWidth
        let factors = stride(from: 0, to: width, by: 2).map { column -> Float in
            let wavelength = 2 * Double.pi * Logarithm.power(rotaryBase, Double(column) / Double(width))
            if wavelength < Double(original) / high { return 1 }
            if wavelength > Double(original) / low { return Float(factor) }
            let smooth = (Double(original) / wavelength - low) / (high - low)
            return Float(1 / ((1 - smooth) / factor + smooth))
        }
        return [(name: "rope_freqs.weight", factors: factors)]
    }
}
