import JSON

struct GPTOSSFiles: GGUFFamily {
    static let modelType = "gpt_oss"
    static let className = "GptOssForCausalLM"
    private static let experts = GGUFForm.Experts(
        prefix: "mlp.experts", modules: GGUFForm.Experts.modules, countKey: "num_local_experts", widthKey: "intermediate_size",
        hasBias: true)
    static let form = GGUFForm(
        name: "gpt-oss", usualHeadWidth: 64,
        modules: GGUFForm.standard(with: ["post_attention_layernorm": "post_attention_norm", "mlp.router": "ffn_gate_inp"]),
        bare: ["self_attn.sinks": "attn_sinks"],
        keys: experts.keys + [
            GGUFForm.Key(file: "expert_feed_forward_length", configuration: "intermediate_size", value: .count),
            .slidingWindow(standard: 128),
        ], experts: experts, usualRotaryBase: 150_000, biasKey: "attention_bias", demandedBiases: ["attention_bias": true])

    static func check(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) throws(GGUFError) {
        if let limit = configuration.number("swiglu_limit"), limit != 7 {
            throw GGUFError("config.json: swiglu_limit is \(limit), and llama.cpp's is 7")
        }
        try configuration.requireSliding("are sliding and full in turns") { $0 % 2 == 0 }
    }

    static func members(_ reader: GGUFConfigurationReader) -> [JSONMember] { [JSONMember("swiglu_limit", JSONNode(7.0))] }

    /// The models were made so, and files have no key for it.
    static let yarnMembers = [JSONMember("truncate", false)]
}
