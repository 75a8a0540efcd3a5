import JSON

struct Qwen3MoEFiles: GGUFFamily {
    static let modelType = "qwen3_moe"
    static let className = "Qwen3MoeForCausalLM"
    private static let experts = GGUFForm.Experts(
        prefix: "mlp.experts", modules: GGUFForm.Experts.modules, countKey: "num_experts", widthKey: "moe_intermediate_size")
    static let form = GGUFForm(
        name: "qwen3moe", modules: GGUFForm.standard(with: ["mlp.gate": "ffn_gate_inp"]),
        keys: experts.keys + [GGUFForm.Key(file: "expert_feed_forward_length", configuration: "moe_intermediate_size", value: .count)],
        experts: experts, biasKey: "attention_bias", refusedBiases: ["attention_bias"])

    static func check(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) throws(GGUFError) {
        try Qwen2Files.check(configuration, sizes)
        let step = configuration.integer("decoder_sparse_step") ?? 1
        guard step == 1, configuration.list("mlp_only_layers").isEmpty else {
            throw GGUFError(
                "config.json: \(step == 1 ? "mlp_only_layers" : "decoder_sparse_step") leaves layers without experts, and llama.cpp's have some in "
                    + "every layer")
        }
        guard configuration.flag("norm_topk_prob") == true else {
            throw GGUFError("config.json: norm_topk_prob is not true, and llama.cpp divides the shares of the chosen experts by their sum")
        }
    }

    static func members(_ reader: GGUFConfigurationReader) -> [JSONMember] {
        [
            JSONMember("norm_topk_prob", true), JSONMember("decoder_sparse_step", 1),
            JSONMember("mlp_only_layers", JSONNode([JSONNode]())),
        ]
    }
}
