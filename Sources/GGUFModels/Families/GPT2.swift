struct GPT2Files: GGUFFamily {
    static let modelType = "gpt2"
    static let className = "GPT2LMHeadModel"
    static let form = GGUFForm(
        name: "gpt2", writesHeadWidth: false, tiesByDefault: true, layers: "transformer.h",
        outer: [
            "transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm", "lm_head": "output",
        ],
        modules: [
            "ln_1": "attn_norm", "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up",
            "mlp.c_proj": "ffn_down",
        ],
        epsilon: GGUFForm.layerNormEpsilon("layer_norm_epsilon"),
        turned: ["attn_qkv", "attn_output", "ffn_up", "ffn_down"], learnsPositions: true,
        sizeKeys: [
            "hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head", "intermediate_size": "n_inner",
            "max_position_embeddings": "n_positions",
        ], writesScaling: false, activation: (key: "activation_function", word: "gelu_new"))

    static func innerWidth(_ configuration: GGUFConfiguration) throws(GGUFError) -> Int {
        if configuration.integer("n_inner") == nil { return 4 * (try configuration.count("hidden_size")) }
        return try configuration.count("intermediate_size")
    }

    static func check(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) throws(GGUFError) {
        if configuration.flag("scale_attn_weights") == false || configuration.flag("scale_attn_by_inverse_layer_idx") == true {
            throw GGUFError(
                "config.json: scale_attn_weights or scale_attn_by_inverse_layer_idx asks for another scale of scores than llama.cpp's")
        }
    }
}
