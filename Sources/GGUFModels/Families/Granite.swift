struct GraniteFiles: GGUFFamily {
    static let modelType = "granite"
    static let className = "GraniteForCausalLM"
    static let form = GGUFForm(
        name: "granite", interleavesHeads: true, writesVocabulary: true, writesHeadWidth: false,
        keys: [
            GGUFForm.Key(file: "attention.scale", configuration: "attention_multiplier", value: .number),
            GGUFForm.Key(file: "embedding_scale", configuration: "embedding_multiplier", value: .number),
            GGUFForm.Key(file: "residual_scale", configuration: "residual_multiplier", value: .number),
            GGUFForm.Key(file: "logit_scale", configuration: "logits_scaling", value: .number),
        ], readsDivisors: true, biasKey: "attention_bias")
}
