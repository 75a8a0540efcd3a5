import JSON

struct OLMo2Files: GGUFFamily {
    static let modelType = "olmo2"
    static let className = "Olmo2ForCausalLM"
    static let form = GGUFForm(
        name: "olmo2", writesHeadWidth: false,
        modules: GGUFForm.standard(with: [
            "post_attention_layernorm": "post_attention_norm", "post_feedforward_layernorm": "post_ffw_norm",
        ]), biasKey: "attention_bias", refusedBiases: ["attention_bias"], repeatsTiedHead: true)

    static func members(_ reader: GGUFConfigurationReader) throws(GGUFFault) -> [JSONMember] {
        let window = reader.key("attention.sliding_window")
        guard !reader.metadata.holds(window) else {
            throw reader.metadata.fault(window, "OLMo 3's sliding layers are not read from GGUF files")
        }
        return []
    }
}
