/// How a family's files differ from the others': the names of modules, and what is done to them.
struct GGUFForm {
    /// The architecture's name in llama.cpp.
    var name: String
    var interleavesHeads = false
    var addsOneToNorms = false
    /// Queries, keys and values lie head by head in one matrix, and go into the file as thirds.
    var hasThirds = false
    var writesVocabulary = false
    var writesHeadWidth = true
    var tiesByDefault = false
    /// What stands before a layer's number.
    var layers = "model.layers"
    var outer = ["model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"]
    var modules = GGUFForm.standard
    /// The keys of the norms' epsilon, in the file and in config.json.
    var epsilon = (file: "attention.layer_norm_rms_epsilon", configuration: "rms_norm_eps")

    /// The modules of a layer, by their names in checkpoints.
    private static let standard = [
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
        "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    ]
    private static func standard(with others: [String: String]) -> [String: String] { standard.merging(others) { $1 } }

    private static let gemma = standard(with: [
        "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
        "post_feedforward_layernorm": "post_ffw_norm",
    ])
    private static let layerNormEpsilon = (file: "attention.layer_norm_epsilon", configuration: "layer_norm_eps")

    /// By `model_type` of config.json.
    static let all: [String: GGUFForm] = [
        "llama": GGUFForm(name: "llama", interleavesHeads: true, writesVocabulary: true),
        "mistral": GGUFForm(name: "llama", interleavesHeads: true, writesVocabulary: true),
        "smollm3": GGUFForm(name: "smollm3", interleavesHeads: true, writesVocabulary: true, tiesByDefault: true),
        "granite": GGUFForm(name: "granite", interleavesHeads: true, writesVocabulary: true, writesHeadWidth: false),
        "phi3": GGUFForm(
            name: "phi3", writesHeadWidth: false, modules: standard(with: ["self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up"])),
        "qwen2": GGUFForm(name: "qwen2", writesHeadWidth: false),
        "qwen3": GGUFForm(name: "qwen3"),
        "olmo2": GGUFForm(
            name: "olmo2", writesHeadWidth: false,
            modules: standard(with: [
                "post_attention_layernorm": "post_attention_norm", "post_feedforward_layernorm": "post_ffw_norm",
            ])),
        "gemma2": GGUFForm(name: "gemma2", addsOneToNorms: true, tiesByDefault: true, modules: gemma),
        "gemma3_text": GGUFForm(name: "gemma3", addsOneToNorms: true, tiesByDefault: true, modules: gemma),
        "glm4": GGUFForm(
            name: "glm4",
            modules: standard(with: [
                "mlp.gate_up_proj": "ffn_up", "post_self_attn_layernorm": "post_attention_norm", "post_mlp_layernorm": "post_ffw_norm",
            ])),
        "starcoder2": GGUFForm(
            name: "starcoder2", writesHeadWidth: false, tiesByDefault: true,
            modules: standard(with: ["mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"]),
            epsilon: (file: "attention.layer_norm_epsilon", configuration: "norm_epsilon")),
        "phi": GGUFForm(
            name: "phi2", writesHeadWidth: false,
            outer: ["model.embed_tokens": "token_embd", "model.final_layernorm": "output_norm", "lm_head": "output"],
            modules: standard(with: ["self_attn.dense": "attn_output", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down"]),
            epsilon: layerNormEpsilon),
        "gpt_neox": GGUFForm(
            name: "gptneox", hasThirds: true, writesHeadWidth: false, layers: "gpt_neox.layers",
            outer: ["gpt_neox.embed_in": "token_embd", "gpt_neox.final_layer_norm": "output_norm", "embed_out": "output"],
            modules: [
                "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "attention.query_key_value": "attn_qkv",
                "attention.dense": "attn_output", "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down",
            ],
            epsilon: layerNormEpsilon),
    ]
}
