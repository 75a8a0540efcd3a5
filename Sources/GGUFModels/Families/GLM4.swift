struct GLM4Files: GGUFFamily {
    static let modelType = "glm4"
    static let className = "Glm4ForCausalLM"
    static let form = GGUFForm(
        name: "glm4", usualHeadWidth: 128,
        modules: GGUFForm.standard(with: [
            "mlp.gate_up_proj": "ffn_up", "post_self_attn_layernorm": "post_attention_norm", "post_mlp_layernorm": "post_ffw_norm",
        ]), rotaryShare: GGUFForm.RotaryShare(), biasKey: "attention_bias")

    static func rotatedColumns(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) -> Int? {
        Int(configuration.rotaryShare(or: 0.5) * Double(sizes.headWidth))
    }
}
