import JSON

struct SmolLM3Files: GGUFFamily {
    static let modelType = "smollm3"
    static let className = "SmolLM3ForCausalLM"
    static let form = GGUFForm(
        name: "smollm3", interleavesHeads: true, writesVocabulary: true, tiesByDefault: true, usualRotaryBase: 2e6,
        biasKey: "attention_bias", refusedBiases: ["attention_bias", "mlp_bias"])

    static func check(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) throws(GGUFError) {
        if let interval = configuration.integer("no_rope_layer_interval"), interval != 4 {
            throw GGUFError("config.json: no_rope_layer_interval is \(interval), and llama.cpp leaves every fourth layer without rotation")
        }
        if let index = configuration.list("no_rope_layers").enumerated().first(where: { ($1.integer ?? 1 != 0) != (($0 + 1) % 4 != 0) })?
            .offset
        {
            throw GGUFError(
                "config.json: entry \(index + 1) of no_rope_layers is another, and llama.cpp leaves every fourth layer without rotation")
        }
        if configuration.flag("use_sliding_window") == true, configuration.integer("sliding_window") != nil {
            throw GGUFError("config.json: use_sliding_window is true, and llama.cpp has no window for this family")
        }
        try configuration.requireSliding("do not slide in this family") { _ in false }
    }

    static func members(_ reader: GGUFConfigurationReader) -> [JSONMember] { [JSONMember("no_rope_layer_interval", 4)] }
}
