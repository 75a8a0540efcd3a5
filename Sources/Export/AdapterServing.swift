package import Models

/// How vLLM serves an adapter's folder, for the model card: what it reads of `adapter_config.json`,
/// and which ranks it takes (vllm/lora/peft_helper.py, vllm/config/lora.py).
package enum AdapterServing {
    /// What `--max-lora-rank` may be; without it, 16.
    private static let ranks = [1, 8, 16, 32, 64, 128, 256, 320, 512]

    /// Markdown with the command, or with the reason why there is none; nil where no adapter of a
    /// language model was trained.
    /// - Parameter baseName: what the base model is called.
    package static func text(_ model: LanguageModel, baseName: String) -> String? {
        guard case .adapter(let settings, _) = model.training, model.head == nil else { return nil }
        let title = "## Serve it with vLLM\n\n"
        if let reason = reason(settings, model.adapters) {
            return title + "As a whole (`vllm serve merged`, or what `tala export --format merged` writes): \(reason).\n"
        }
        let rank = ranks.first { $0 >= settings.plain.rank } ?? settings.plain.rank
        return title + """
            ```
            vllm serve \(quoted(baseName)) --enable-lora --max-lora-rank \(rank) --lora-modules tuned=adapter
            ```

            """
    }

    /// Why vLLM would refuse the adapter, or compute something else.
    private static func reason(_ settings: AdapterSettings, _ adapters: [AdapterModule]) -> String? {
        if let words = settings.beyondMatrices(adapters) { return "vLLM does not read \(words) of an adapter" }
        let patterns = [("rank_pattern", settings.rankExceptions.isEmpty), ("alpha_pattern", settings.alphaExceptions.isEmpty)]
        let used = patterns.filter { !$0.1 }.map(\.0)
        if !used.isEmpty { return "vLLM does not read \(used.joined(separator: " and ")), and would scale matrices wrongly" }
        guard let largest = ranks.last, settings.plain.rank > largest else { return nil }
        return "the rank is \(settings.plain.rank), and vLLM takes \(largest) at most"
    }

    /// A word as a shell takes it.
    private static func quoted(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "-_./:".utf8.contains(byte)
        }
        return isPlain && !word.isEmpty ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }
}
