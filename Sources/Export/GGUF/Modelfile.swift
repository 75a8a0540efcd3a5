import JSON

/// How Ollama runs a GGUF file: a Modelfile with the tokens that end a turn, the sampling that the
/// model's generation_config.json asks for, the licence, and the chat template where its text is
/// one of those that Ollama's own language says as well.
package struct Modelfile {
    private let texts: GGUFTexts
    private let contextLength: Int?

    /// - Parameter contextLength: tokens that the model was tuned with; nil: Ollama's own choice.
    package init(_ texts: GGUFTexts, contextLength: Int?) {
        self.texts = texts
        self.contextLength = contextLength
    }

    /// - Parameter file: the GGUF file, relative to the Modelfile.
    package func text(from file: String) -> String {
        var lines = ["FROM \(file)"]
        if let template = texts.template.flatMap({ GoTemplate.equal(to: $0, texts) }) {
            lines.append("TEMPLATE \"\"\"\(template.text)\"\"\"")
        }
        lines += stops.map { "PARAMETER stop \(Self.quoted($0))" }
        if let contextLength { lines.append("PARAMETER num_ctx \(contextLength)") }
        let names = [
            ("temperature", "temperature"), ("top_p", "top_p"), ("top_k", "top_k"), ("repetition_penalty", "repeat_penalty"),
        ]
        for (key, name) in names {
            guard let number = texts.generation?[key]?.double, number.isFinite else { continue }
            lines.append("PARAMETER \(name) \(Int(exactly: number).map { String($0) } ?? String(number))")
        }
        if let licence = texts.licence, !licence.contains("\"\"\"") { lines.append("LICENSE \"\"\"\n\(licence)\n\"\"\"") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The texts of the tokens at which an answer ends.
    private var stops: [String] {
        let named = texts.generation?["eos_token_id"]
        let ids = named?.array?.compactMap(\.integer) ?? named?.integer.map { [$0] } ?? []
        let added = texts.tokenizer["added_tokens"]?.array ?? []
        var found = ids.compactMap { id in added.first { $0["id"]?.integer == id }?["content"]?.string }
        if let end = texts.settings["eos_token"]?.string ?? texts.settings["eos_token"]?["content"]?.string, !found.contains(end) {
            found.append(end)
        }
        return found
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n") + "\""
    }
}
