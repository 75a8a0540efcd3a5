import JSON

/// Llama, and what goes under its name in llama.cpp.
struct LlamaFiles: GGUFFamily {
    static let modelType = "llama"
    static let className = "LlamaForCausalLM"
    static let form = GGUFForm(
        name: "llama", interleavesHeads: true, writesVocabulary: true, readsDivisors: true, biasKey: "attention_bias")

    static func isMeant(by metadata: GGUFMetadata) throws(GGUFFault) -> Bool { try !MixtralFiles.isMeant(by: metadata) }

    static func members(_ reader: GGUFConfigurationReader) -> [JSONMember] {
        [JSONMember("mlp_bias", JSONNode(reader.names.contains("blk.0.ffn_up.bias")))]
    }

    static func remarks(reading reader: GGUFConfigurationReader) throws(GGUFFault) -> [String] {
        let names = [try reader.metadata.text("general.name"), try reader.metadata.text("general.basename")]
        guard names.contains(where: { ($0 ?? "").lowercased().contains("mistral") }) else { return [] }
        return [
            "a GGUF file of the architecture llama says nothing of a sliding window: where the model has one, tokens behind it are seen, "
                + "as llama.cpp sees them"
        ]
    }
}
