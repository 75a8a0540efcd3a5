import JSON

/// The name by which llama.cpp knows the expression that splits text before merging.
///
/// It is taken from the expression itself and from what stands before and behind the text, not from
/// a digest of the tokenizer's output: a tokenizer with more tokens splits as the one did from
/// which it was made.
enum GGUFSplitting {
    /// - Parameter file: tokenizer.json.
    /// - Throws: ``GGUFError`` with the expression where none is known.
    static func name(_ file: JSONNode) throws(GGUFError) -> String {
        let splitter = file["pre_tokenizer"]
        let steps = splitter?["pretokenizers"]?.array ?? splitter.map { [$0] } ?? []
        let expressions = steps.compactMap { $0["pattern"]?["Regex"]?.string }
        let hasDigits = steps.contains { $0["type"]?.string == "Digits" && $0["individual_digits"]?.bool == true }
        guard let expression = expressions.first, expressions.count == 1 else {
            let isByteLevel = expressions.isEmpty && steps.contains { $0["type"]?.string == "ByteLevel" && $0["use_regex"]?.bool != false }
            guard isByteLevel else {
                throw GGUFError("tokenizer.json: llama.cpp has no name for this splitting: \(expressions.joined(separator: " and "))")
            }
            return hasDigits ? "smollm" : "gpt-2"
        }
        if expression.contains("\\p{Lu}") { return expression.contains("\\p{N}{1,3}") ? "gpt-4o" : "tekken" }
        guard expression.contains("(?i:'s|'t|'re|'ve|'m|'ll|'d)") else {
            throw GGUFError("tokenizer.json: llama.cpp has no name for this splitting: \(expression)")
        }
        if expression.contains("\\p{N}{1,3}") {
            let ignoresMerges = file["model"]?["ignore_merges"]?.bool == true
            return ignoresMerges || begins(file) ? "llama-bpe" : "dbrx"
        }
        return expression.contains("\\p{M}") ? "qwen35" : "qwen2"
    }

    /// Whether a token is put before the text.
    private static func begins(_ file: JSONNode) -> Bool {
        let processor = file["post_processor"]
        let all = processor?["processors"]?.array ?? processor.map { [$0] } ?? []
        return all.contains { $0["single"]?.array?.first?["SpecialToken"] != nil }
    }
}
