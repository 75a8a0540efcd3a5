struct StarCoder2Files: GGUFFamily {
    static let modelType = "starcoder2"
    static let className = "Starcoder2ForCausalLM"
    static let form = GGUFForm(
        name: "starcoder2", writesHeadWidth: false, tiesByDefault: true,
        modules: GGUFForm.standard(with: ["mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"]),
        epsilon: GGUFForm.layerNormEpsilon("norm_epsilon"), biasKey: "use_bias", demandedBiases: ["use_bias": true],
        activation: (key: "hidden_act", word: "gelu_pytorch_tanh"))

    static func remarks(writing configuration: GGUFConfiguration) -> [String] { configuration.remarkOnWindow }

    static func remarks(reading reader: GGUFConfigurationReader) -> [String] {
        ["a GGUF file says nothing of this family's sliding window: tokens behind it are seen, as llama.cpp sees them"]
    }
}
