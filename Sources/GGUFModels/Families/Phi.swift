/// Phi-1.5 and Phi-2.
struct PhiFiles: GGUFFamily {
    static let modelType = "phi"
    static let className = "PhiForCausalLM"
    static let form = GGUFForm(
        name: "phi2", writesHeadWidth: false,
        outer: ["model.embed_tokens": "token_embd", "model.final_layernorm": "output_norm", "lm_head": "output"],
        modules: GGUFForm.standard(with: ["self_attn.dense": "attn_output", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down"]),
        epsilon: GGUFForm.layerNormEpsilon("layer_norm_eps"), rotaryShare: GGUFForm.RotaryShare(),
        activation: (key: "hidden_act", word: "gelu_new"))

    static func rotatedColumns(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) -> Int? {
        Int(configuration.rotaryShare(or: 0.5) * Double(sizes.hidden)) / sizes.heads
    }
}
