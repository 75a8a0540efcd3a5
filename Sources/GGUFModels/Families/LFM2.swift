import JSON

/// LFM2, whose layers may be convolutions: files say so by layers without heads of keys.
struct LFM2Files: GGUFFamily {
    static let modelType = "lfm2"
    static let className = "Lfm2ForCausalLM"
    static let form = GGUFForm(
        name: "lfm2", writesVocabulary: true, tiesByDefault: true,
        outer: ["model.embed_tokens": "token_embd", "model.embedding_norm": "token_embd_norm", "lm_head": "output"],
        modules: [
            "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.out_proj": "attn_output",
            "self_attn.q_layernorm": "attn_q_norm", "self_attn.k_layernorm": "attn_k_norm", "conv.in_proj": "shortconv.in_proj",
            "conv.conv": "shortconv.conv", "conv.out_proj": "shortconv.out_proj", "operator_norm": "attn_norm", "ffn_norm": "ffn_norm",
            "feed_forward.w1": "ffn_gate", "feed_forward.w3": "ffn_up", "feed_forward.w2": "ffn_down",
        ],
        epsilon: (file: "attention.layer_norm_rms_epsilon", configuration: "norm_eps"), usualEpsilon: 1e-5,
        keys: [GGUFForm.Key(file: "shortconv.l_cache", configuration: "conv_L_cache", value: .count, standard: 3)],
        hasConvolutions: true, usualRotaryBase: 1e6)

    /// config.json gives the width before two thirds of it are taken.
    static func innerWidth(_ configuration: GGUFConfiguration) throws(GGUFError) -> Int {
        var size = configuration.integer("block_ff_dim") ?? 0
        if size == 0 { size = try configuration.count("intermediate_size") }
        guard (1...(1 << 20)).contains(size) else { throw GGUFError("config.json: block_ff_dim \(size) is out of range") }
        guard configuration.flag("block_auto_adjust_ff_dim") ?? true else { return size }
        let multiplier = configuration.number("block_ffn_dim_multiplier") ?? 1
        let multiple = configuration.integer("block_multiple_of") ?? 256
        guard multiplier > 0, multiplier < 100, (1...(1 << 16)).contains(multiple) else {
            throw GGUFError("config.json: block_ffn_dim_multiplier or block_multiple_of is out of range")
        }
        return (Int(multiplier * Double(2 * size / 3)) + multiple - 1) / multiple * multiple
    }

    static func keyHeads(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) -> [Int]? {
        let all = 0..<sizes.layers
        if configuration.holds("full_attn_idxs") {
            let attending = Set(configuration.list("full_attn_idxs").compactMap(\.integer))
            return all.map { attending.contains($0) ? sizes.keyHeads : 0 }
        }
        let types = configuration.list("layer_types").map { $0.string ?? "" }
        return all.map { $0 < types.count && types[$0] == "conv" ? 0 : sizes.keyHeads }
    }

    static func check(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) throws(GGUFError) {
        try sizes.checkWidthOfHeads()
        if configuration.flag("conv_bias") == true {
            throw GGUFError("config.json: conv_bias is true, and llama.cpp's convolutions have no bias")
        }
    }

    static func members(_ reader: GGUFConfigurationReader) throws(GGUFFault) -> [JSONMember] {
        let window = reader.key("attention.sliding_window")
        guard try reader.metadata.integer(window, in: 0...(1 << 28)) ?? 0 == 0 else {
            throw reader.metadata.fault(window, "layers of LFM2 that slide are not read from GGUF files")
        }
        let types = (0..<reader.layers).map { JSONNode(reader.convolutions.contains($0) ? "conv" : "full_attention") }
        return [
            JSONMember("layer_types", JSONNode(types)), JSONMember("conv_bias", false), JSONMember("block_auto_adjust_ff_dim", false),
        ]
    }
}
