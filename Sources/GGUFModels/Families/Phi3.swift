struct Phi3Files: GGUFFamily {
    static let modelType = "phi3"
    static let className = "Phi3ForCausalLM"
    static let form = GGUFForm(
        name: "phi3", writesHeadWidth: false,
        modules: GGUFForm.standard(with: ["self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up"]),
        keys: [.slidingWindow(standard: 0)], writesScaling: false, mayUseLongrope: true,
        rotaryShare: GGUFForm.RotaryShare(saysWhole: false))

    static func rotatedColumns(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) -> Int? {
        Int(configuration.rotaryShare(or: 1) * Double(sizes.hidden)) / sizes.heads
    }

    static func remarks(writing configuration: GGUFConfiguration) -> [String] { configuration.remarkOnWindow }

    static func remarks(reading reader: GGUFConfigurationReader) throws(GGUFFault) -> [String] { try reader.remarkOnWindow() }
}
