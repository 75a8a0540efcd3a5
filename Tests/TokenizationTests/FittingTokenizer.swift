import TestSupport

extension ReferenceItem {
    /// The tokenizer file of the same set that knows the control tokens of this template, or comes
    /// near.
    var fittingTokenizer: String {
        let hasHeaders = name.hasPrefix("headers") || name.contains("Llama-3") || name.contains("Llama-8B")
        let isPhi = name.hasPrefix("phi") || name.hasPrefix("microsoft")
        let phi = set == .own ? "sentencepiece" : "phi-3"
        return set.path("tokenizers/\(isPhi ? phi : hasHeaders ? "bpe-llama3-regex" : "bpe-qwen2-regex")/tokenizer.json")
    }
}
