struct Qwen3Files: GGUFFamily {
    static let modelType = "qwen3"
    static let className = "Qwen3ForCausalLM"
    static let form = GGUFForm(name: "qwen3", usualHeadWidth: 128, biasKey: "attention_bias", refusedBiases: ["attention_bias"])

    static func check(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) throws(GGUFError) {
        try Qwen2Files.check(configuration, sizes)
    }
}
