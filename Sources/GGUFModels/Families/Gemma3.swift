import JSON

struct Gemma3Files: GGUFFamily {
    static let modelType = "gemma3_text"
    static let className = "Gemma3ForCausalLM"
    static let form = GGUFForm(
        name: "gemma3", addsOneToNorms: true, usualHeadWidth: 256, tiesByDefault: true, modules: Gemma2Files.modules,
        keys: [
            GGUFForm.Key(
                file: "rope.freq_base_swa", configuration: "rope_local_base_freq", value: .number, standard: 1e4,
                newer: ["rope_parameters", "sliding_attention", "rope_theta"]), .slidingWindow(standard: 0),
        ], usualRotaryBase: 1e6, biasKey: "attention_bias", activation: Gemma2Files.activation)

    static func check(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) throws(GGUFError) {
        if let pattern = configuration.integer("sliding_window_pattern"), pattern != 6 {
            throw GGUFError("config.json: sliding_window_pattern is \(pattern), and llama.cpp's is 6")
        }
        try configuration.requireSliding("are full in every sixth place") { ($0 + 1) % 6 != 0 }
        // The largest divides scores by the root of another number, in llama.cpp as well.
        let expected = sizes.layers == 62 ? sizes.hidden / sizes.heads : sizes.headWidth
        if let scalar = configuration.number("query_pre_attn_scalar"), scalar != Double(expected) {
            throw GGUFError("config.json: query_pre_attn_scalar is \(scalar), and llama.cpp's is \(expected) for a model of this size")
        }
    }

    static func members(_ reader: GGUFConfigurationReader) throws(GGUFFault) -> [JSONMember] {
        let interval = try reader.metadata.integer(reader.key("attention.sliding_window_pattern"), in: 1...(1 << 10)) ?? 6
        let members = [Gemma2Files.scoreScalar(reader, layersOfLargest: 62), JSONMember("sliding_window_pattern", JSONNode(interval))]
        guard let cap = try reader.number("final_logit_softcapping") else { return members }
        return members + [JSONMember("final_logit_softcapping", GGUFConfigurationReader.number(cap))]
    }
}
