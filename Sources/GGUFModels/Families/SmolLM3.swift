import JSON

struct SmolLM3Files: GGUFFamily {
    static let modelType = "smollm3"
    static let className = "SmolLM3ForCausalLM"
    static let form = GGUFForm(
        name: "smollm3", interleavesHeads: true, writesVocabulary: true, tiesByDefault: true, usualRotaryBase: 2e6,
        biasKey: "attention_bias")

    static func check(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) throws(GGUFError) {
        if let interval = configuration.integer("no_rope_layer_interval"), interval != 4 {
            throw GGUFError("config.json: no_rope_layer_interval is \(interval), and llama.cpp leaves every fourth layer without rotation")
        }
    }

    static func members(_ reader: GGUFConfigurationReader) -> [JSONMember] { [JSONMember("no_rope_layer_interval", 4)] }
}
