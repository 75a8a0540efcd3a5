/// Mistral, which llama.cpp does not tell from Llama: read again it is one.
struct MistralFiles: GGUFFamily {
    static let modelType = "mistral"
    static let className = "MistralForCausalLM"
    static let form = GGUFForm(name: "llama", interleavesHeads: true, writesVocabulary: true, readsDivisors: true)

    static func remarks(writing configuration: GGUFConfiguration) -> [String] { configuration.remarkOnWindow }

    static func isMeant(by metadata: GGUFMetadata) -> Bool { false }
}
