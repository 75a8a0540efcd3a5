package import GGUF

/// What a file and the model in it are called.
package enum GGUFName {
    /// `Base-suffix-Q8_0.gguf`, as llama.cpp's documents name files.
    package static func file(_ name: String, _ mix: GGUFMix) -> String {
        let kept = name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-" }
        let word = String(kept.drop { $0 == "." || $0 == "-" })
        return "\(word.isEmpty ? "model" : word)-\(mix.rawValue.uppercased()).gguf"
    }

    /// The name by which llama.cpp tells how special tokens treat white space behind them: it
    /// swallows it where the name has "phi-3" or "phi3" in it, and only there.
    package static func model(_ name: String, swallowsSpace: Bool) -> String {
        let lower = name.lowercased()
        let says = lower.contains("phi-3") || lower.contains("phi3")
        if swallowsSpace == says { return name }
        return swallowsSpace
            ? "Phi-3 \(name)"
            : name.replacing("hi-3", with: "hi 3").replacing("hi3", with: "hi 3")
                .replacing("HI-3", with: "HI 3").replacing("HI3", with: "HI 3")
    }
}
