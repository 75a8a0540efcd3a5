package import JSON

/// What a tokenizer does to text before it cuts it, as far as llama.cpp does it as well: spaces
/// become U+2581 in tokenizers of pieces, and one may be put before the text.
package enum GGUFNormalizing {
    private static func steps(_ file: JSONNode) -> [JSONNode] {
        file["normalizer"]?["normalizers"]?.array ?? file["normalizer"].map { $0.isNull ? [] : [$0] } ?? []
    }

    private static func composes(_ step: JSONNode) -> Bool { step["type"]?.string == "NFC" }

    /// - Throws: ``GGUFError`` with the step that llama.cpp does not have.
    static func check(_ file: JSONNode, isPieces: Bool) throws(GGUFError) {
        for step in steps(file) where !composes(step) {
            let type = step["type"]?.string ?? "?"
            let isSpaces = type == "Replace" && step["pattern"]?["String"]?.string == " " && step["content"]?.string == "\u{2581}"
            guard isPieces, type == "Prepend" || isSpaces else {
                throw GGUFError("tokenizer.json: llama.cpp changes no text as the normalizer \(type) does")
            }
        }
    }

    package static func remarks(_ file: JSONNode) -> [String] {
        steps(file).contains(where: composes)
            ? ["llama.cpp does not compose characters (the tokenizer's normalizer NFC): decomposed text becomes other tokens there"] : []
    }
}
