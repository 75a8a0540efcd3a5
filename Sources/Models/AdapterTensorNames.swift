/// What the names of an adapter's tensors mean, as PEFT and mlx-lm write them.
enum AdapterTensorNames {
    /// The name of a tensor in the model, where PEFT puts words into it.
    static func plain(_ name: String) -> String {
        let words: Set<String> = ["_orig_mod", "_fsdp_wrapped_module", "base_layer", "modules_to_save", "default"]
        return name.split(separator: ".").filter { !words.contains(String($0)) }.joined(separator: ".")
    }

    /// The module and the matrix that a tensor's name means; nil if it is none of a plain adapter.
    static func place(of name: String) -> (module: String, isA: Bool, isOfMLX: Bool)? {
        var parts = name.split(separator: ".").map(String.init).filter { !["_orig_mod", "_fsdp_wrapped_module"].contains($0) }
        if parts.last == "weight" { parts.removeLast() }
        let matrices = [
            "lora_A": (true, false), "lora_B": (false, false), "lora_a": (true, true), "lora_b": (false, true),
            "lora_embedding_A": (true, false), "lora_embedding_B": (false, false),
        ]
        // Between the matrix and `weight` may stand the adapter's name.
        guard let index = parts.lastIndex(where: { matrices[$0] != nil }), index >= parts.count - 2, index > 0,
            let (isA, isOfMLX) = matrices[parts[index]]
        else { return nil }
        return (parts[..<index].joined(separator: "."), isA, isOfMLX)
    }

    /// The module whose rows' lengths a tensor is; nil if it is something else.
    static func moduleOfMagnitude(_ name: String) -> String? {
        var parts = name.split(separator: ".").map(String.init).filter { !["_orig_mod", "_fsdp_wrapped_module"].contains($0) }
        if parts.last == "weight" { parts.removeLast() }
        guard let index = parts.lastIndex(of: "lora_magnitude_vector"), index >= parts.count - 2, index > 0 else { return nil }
        return parts[..<index].joined(separator: ".")
    }

    /// Whether a tensor is a classifier's head, whose name PEFT (0.21) writes without the adapter's
    /// name.
    static func isHead(_ name: String) -> Bool {
        let last = name.replacing(".modules_to_save.default", with: "").replacing("base_model.model.", with: "")
        return AdapterConfiguration.headNames.contains { last == $0 + ".weight" }
    }

    /// The linear layer that a stored name means: words before it are wrappers', and `model.` may
    /// be missing.
    static func module(_ stored: String, among known: Set<String>) -> String? {
        var parts = stored.split(separator: ".")[...]
        while !parts.isEmpty {
            let name = parts.joined(separator: ".")
            if known.contains(name) { return name }
            if known.contains("model." + name) { return "model." + name }
            // A number is a layer's: what stands before it is no wrapper any more.
            guard let first = parts.first, Int(first) == nil, first != "layers" else { return nil }
            parts.removeFirst()
        }
        return nil
    }

    /// What a tensor that is no matrix of a plain adapter is.
    static func meaning(of name: String) -> String {
        if name.contains("lora_magnitude_vector") { return "is of a DoRA adapter, but adapter_config.json has no use_dora" }
        if name.hasSuffix(".m") { return "is of a DoRA adapter of mlx-lm, which is not read" }
        if name.hasSuffix(".bias") { return "is a bias, though adapter_config.json has no bias: all or lora_only" }
        return "is no matrix of an adapter (lora_A, lora_B), and adapter_config.json names no modules_to_save"
    }
}
