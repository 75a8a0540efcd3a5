import JSON

struct Gemma2Files: GGUFFamily {
    static let modelType = "gemma2"
    static let className = "Gemma2ForCausalLM"
    static let modules = GGUFForm.standard(with: [
        "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
        "post_feedforward_layernorm": "post_ffw_norm",
    ])
    static let activation = (key: "hidden_activation", word: "gelu_pytorch_tanh")
    static let form = GGUFForm(
        name: "gemma2", addsOneToNorms: true, usualHeadWidth: 256, tiesByDefault: true, modules: modules,
        keys: [
            GGUFForm.Key(file: "attn_logit_softcapping", configuration: "attn_logit_softcapping", value: .number),
            GGUFForm.Key(file: "final_logit_softcapping", configuration: "final_logit_softcapping", value: .number),
            .slidingWindow(standard: 4096),
        ], writesScaling: false, writesRotaryBase: false, biasKey: "attention_bias", activation: activation)

    static func check(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) throws(GGUFError) {
        if let scalar = configuration.number("query_pre_attn_scalar"), scalar != Double(sizes.headWidth) {
            throw GGUFError(
                "config.json: query_pre_attn_scalar is \(scalar), and llama.cpp scales Gemma 2's scores by the width of a head alone")
        }
        try configuration.requireSliding("are sliding and full in turns") { $0 % 2 == 0 }
    }

    static func members(_ reader: GGUFConfigurationReader) -> [JSONMember] { [scoreScalar(reader, layersOfLargest: 46)] }

    /// By whose root scores are divided: the largest model of a family has a number of its own.
    static func scoreScalar(_ reader: GGUFConfigurationReader, layersOfLargest: Int) -> JSONMember {
        let isLargest = reader.layers == layersOfLargest
        return JSONMember("query_pre_attn_scalar", JSONNode(isLargest ? reader.hidden / reader.heads : reader.headWidth))
    }
}
