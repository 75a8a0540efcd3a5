struct Qwen2Files: GGUFFamily {
    static let modelType = "qwen2"
    static let className = "Qwen2ForCausalLM"
    static let form = GGUFForm(name: "qwen2", writesHeadWidth: false)

    static func check(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) throws(GGUFError) {
        if configuration.flag("use_sliding_window") == true {
            throw GGUFError("config.json: use_sliding_window is true, and llama.cpp has no window for this family")
        }
        try configuration.requireSliding("do not slide in this family") { _ in false }
    }
}
