import GGUF

/// A model family as llama.cpp knows it: its name there, its keys, the names of its tensors and
/// what has to be done to them.
struct GGUFArchitecture {
    /// What happens to a tensor on the way.
    enum Change: Hashable {
        case none
        /// Rows of so many heads from halves to neighbouring pairs: in each head of d rows the new
        /// row 2j is the old j, the new 2j + 1 the old j + d/2.
        case interleaveHeads(Int)
        /// Norms that are stored as their distance from one.
        case addOne
    }
    struct Target: Hashable {
        var name: String
        var change = Change.none
    }

    let name: String
    let configuration: GGUFConfiguration
    private let form: Form

    /// How a family's file differs from the others'.
    private struct Form {
        var name: String
        var interleavesHeads = false
        var addsOneToNorms = false
        /// Norms before and behind each half of a layer, as Gemma has them.
        var hasFourNorms = false
        /// Norms behind each half alone, as OLMo 2 has them.
        var hasNormsBehind = false
        var writesVocabulary = false
        var writesHeadWidth = true
        var tiesByDefault = false
    }

    private static let forms: [String: Form] = [
        "llama": Form(name: "llama", interleavesHeads: true, writesVocabulary: true),
        "mistral": Form(name: "llama", interleavesHeads: true, writesVocabulary: true),
        "smollm3": Form(name: "smollm3", interleavesHeads: true, writesVocabulary: true, tiesByDefault: true),
        "granite": Form(name: "granite", interleavesHeads: true, writesVocabulary: true, writesHeadWidth: false),
        "phi3": Form(name: "phi3", writesHeadWidth: false), "qwen2": Form(name: "qwen2", writesHeadWidth: false),
        "qwen3": Form(name: "qwen3"), "olmo2": Form(name: "olmo2", hasNormsBehind: true, writesHeadWidth: false),
        "gemma2": Form(name: "gemma2", addsOneToNorms: true, hasFourNorms: true, tiesByDefault: true),
        "gemma3_text": Form(name: "gemma3", addsOneToNorms: true, hasFourNorms: true, tiesByDefault: true),
    ]

    static var modelTypes: [String] { forms.keys.sorted() }

    /// - Throws: ``GGUFError`` naming the key that a GGUF file cannot say.
    init(_ configuration: GGUFConfiguration) throws(GGUFError) {
        let type = configuration.modelType
        guard let form = Self.forms[type] else {
            throw GGUFError("models of the type \(type) cannot be written as GGUF; \(Self.modelTypes.joined(separator: ", ")) can")
        }
        self.form = form
        self.configuration = configuration
        name = form.name
        try configuration.check()
    }

    var tiesEmbeddings: Bool { configuration.flag("tie_word_embeddings") ?? form.tiesByDefault }

    /// The keys below the architecture's name, in the order in which llama.cpp's converter writes
    /// them.
    func metadata() throws(GGUFError) -> [(String, GGUFValue)] {
        let sizes = try configuration.sizes()
        var keys: [(String, GGUFValue)] = [
            ("block_count", .uint32(sizes.layers)), ("context_length", .uint32(sizes.positions)),
            ("embedding_length", .uint32(sizes.hidden)),
            ("feed_forward_length", .uint32(sizes.inner)), ("attention.head_count", .uint32(sizes.heads)),
            ("attention.head_count_kv", .uint32(sizes.keyHeads)),
        ]
        if name != "gemma2" { keys.append(("rope.freq_base", .float32(configuration.rotaryBase))) }
        keys.append(("attention.layer_norm_rms_epsilon", .float32(configuration.number("rms_norm_eps") ?? 1e-6)))
        if form.writesHeadWidth {
            keys += [("attention.key_length", .uint32(sizes.headWidth)), ("attention.value_length", .uint32(sizes.headWidth))]
        }
        if form.writesVocabulary {
            keys += [("vocab_size", .uint32(sizes.vocabulary)), ("rope.dimension_count", .uint32(sizes.headWidth))]
        }
        keys += try configuration.ownKeys(sizes)
        return keys.map { (name + "." + $0.0, $0.1) }
    }

    /// Where a tensor of the checkpoint goes; nil for one that is not written.
    /// - Throws: ``GGUFError`` for one of which nothing is known.
    func target(of tensor: String, heads: Int, keyHeads: Int) throws(GGUFError) -> Target? {
        let norm: Change = form.addsOneToNorms ? .addOne : .none
        switch tensor {
        case "model.embed_tokens.weight": return Target(name: "token_embd.weight")
        case "model.norm.weight": return Target(name: "output_norm.weight", change: norm)
        case "lm_head.weight": return tiesEmbeddings ? nil : Target(name: "output.weight")
        default: break
        }
        if tensor.hasSuffix("rotary_emb.inv_freq") { return nil }
        let parts = tensor.split(separator: ".").map(String.init)
        guard parts.count > 4, parts[0] == "model", parts[1] == "layers", let layer = Int(parts[2]), let kind = parts.last else {
            throw GGUFError("\(tensor) has no name in a GGUF file")
        }
        let module = parts[3..<(parts.count - 1)].joined(separator: ".")
        func target(_ name: String, _ change: Change = .none) -> Target { Target(name: "blk.\(layer).\(name).\(kind)", change: change) }
        let turned = { (count: Int) -> Change in form.interleavesHeads ? .interleaveHeads(count) : .none }
        switch module {
        case "self_attn.q_proj": return target("attn_q", turned(heads))
        case "self_attn.k_proj": return target("attn_k", turned(keyHeads))
        case "self_attn.v_proj": return target("attn_v")
        case "self_attn.o_proj": return target("attn_output")
        case "self_attn.qkv_proj": return target("attn_qkv")
        case "self_attn.q_norm": return target("attn_q_norm", norm)
        case "self_attn.k_norm": return target("attn_k_norm", norm)
        case "mlp.gate_proj": return target("ffn_gate")
        case "mlp.up_proj", "mlp.gate_up_proj": return target("ffn_up")
        case "mlp.down_proj": return target("ffn_down")
        case "input_layernorm": return target("attn_norm", norm)
        case "post_attention_layernorm":
            return target(form.hasFourNorms || form.hasNormsBehind ? "post_attention_norm" : "ffn_norm", norm)
        case "pre_feedforward_layernorm": return target("ffn_norm", norm)
        case "post_feedforward_layernorm": return target("post_ffw_norm", norm)
        default: throw GGUFError("\(tensor) has no name in a GGUF file")
        }
    }
}
