struct GPTNeoXFiles: GGUFFamily {
    static let modelType = "gpt_neox"
    static let className = "GPTNeoXForCausalLM"
    static let form = GGUFForm(
        name: "gptneox", hasThirds: true, writesHeadWidth: false, layers: "gpt_neox.layers",
        outer: ["gpt_neox.embed_in": "token_embd", "gpt_neox.final_layer_norm": "output_norm", "embed_out": "output"],
        modules: [
            "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "attention.query_key_value": "attn_qkv",
            "attention.dense": "attn_output", "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down",
        ],
        epsilon: GGUFForm.layerNormEpsilon("layer_norm_eps"),
        keys: [GGUFForm.Key(file: "use_parallel_residual", configuration: "use_parallel_residual", value: .flag, standard: 1)],
        rotaryShare: GGUFForm.RotaryShare(key: "rotary_pct"), rotaryBaseKey: "rotary_emb_base", biasKey: "attention_bias",
        activation: (key: "hidden_act", word: "gelu"))

    static func rotatedColumns(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) -> Int? {
        Int(configuration.rotaryShare("rotary_pct", or: 0.25) * Double(sizes.hidden / sizes.heads))
    }

    static func remarks(reading reader: GGUFConfigurationReader) -> [String] {
        ["GELU is computed exactly, as the family was trained; llama.cpp takes its approximation with a hyperbolic tangent"]
    }
}
