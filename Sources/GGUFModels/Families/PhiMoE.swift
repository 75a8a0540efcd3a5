import JSON

struct PhiMoEFiles: GGUFFamily {
    static let modelType = "phimoe"
    static let className = "PhimoeForCausalLM"
    static let form = GGUFForm(
        name: "phimoe", writesHeadWidth: false, modules: MixtralFiles.form.modules, usualEpsilon: 1e-5,
        keys: MixtralFiles.experts.keys + [.slidingWindow(standard: 0)], experts: MixtralFiles.experts, writesScaling: false,
        mayUseLongrope: true, scoreFactorKeys: ["short_mscale", "long_mscale"], usualRotaryBase: 1e6, biasKey: "attention_bias",
        demandedBiases: ["attention_bias": false, "lm_head_bias": false])

    /// That of the released models, by which their choice of experts is made.
    private static let usualJitter = 0.01

    static func rotatedColumns(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) -> Int? {
        Phi3Files.rotatedColumns(configuration, sizes)
    }

    static func check(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) throws(GGUFError) {
        try sizes.checkWidthOfHeads()
    }

    static func remarks(writing configuration: GGUFConfiguration) -> [String] {
        var remarks = configuration.remarkOnWindow
        remarks.append(
            "llama.cpp computes this family otherwise than transformers: norms take no mean away, and the shares of the chosen experts are "
                + "made to add up to one; its answers are others")
        if let noise = configuration.number("router_jitter_noise"), noise != usualJitter {
            remarks.append(
                "router_jitter_noise is \(noise), which a file cannot say: read again it is \(usualJitter), that of the released models")
        }
        return remarks
    }

    static func members(_ reader: GGUFConfigurationReader) -> [JSONMember] {
        [
            JSONMember("lm_head_bias", JSONNode(reader.names.contains("output.bias"))),
            JSONMember("router_jitter_noise", JSONNode(usualJitter)), JSONMember("input_jitter_noise", JSONNode(usualJitter)),
        ]
    }

    static func remarks(reading reader: GGUFConfigurationReader) throws(GGUFFault) -> [String] {
        try reader.remarkOnWindow() + [
            "the model is computed as transformers does; llama.cpp takes no mean away in its norms, and makes the shares of the chosen experts "
                + "add up to one"
        ]
    }
}
