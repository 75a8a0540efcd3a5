import GGUF
package import JSON

/// What a GGUF file says of a model, from its config.json.
package struct GGUFConfiguration {
    package struct Sizes {
        package var layers, positions, hidden, inner, heads, keyHeads, headWidth, vocabulary: Int
    }
    private let node: JSONNode

    package init(_ node: JSONNode) { self.node = node }

    var modelType: String { node["model_type"]?.string ?? "" }

    func number(_ key: String) -> Double? { node[key]?.double }
    func flag(_ key: String) -> Bool? { node[key]?.bool }

    /// A whole number; experts have two names.
    func count(of key: String) -> Int? {
        node[key]?.integer ?? (key == "num_experts" ? node["num_local_experts"]?.integer : nil)
    }

    private func count(_ name: String) throws(GGUFError) -> Int {
        let key = GGUFForm.all[modelType]?.sizeKeys[name] ?? name
        guard let count = node[key]?.integer, (1...(1 << 30)).contains(count) else { throw GGUFError("config.json: \(key) is missing") }
        return count
    }

    func sizes() throws(GGUFError) -> Sizes {
        let (hidden, heads) = (try count("hidden_size"), try count("num_attention_heads"))
        let inner: Int
        switch modelType {
        case "gpt2" where node["n_inner"]?.integer == nil: inner = 4 * hidden
        case "lfm2": inner = try adjustedWidth()
        default: inner = try count("intermediate_size")
        }
        return Sizes(
            layers: try count("num_hidden_layers"), positions: try count("max_position_embeddings"), hidden: hidden, inner: inner,
            heads: heads,
            keyHeads: node["num_key_value_heads"]?.integer ?? heads,
            headWidth: node["head_dim"]?.integer ?? hidden / heads, vocabulary: try count("vocab_size"))
    }

    /// Columns of LFM2's feed-forward layers, which config.json gives before two thirds of them are
    /// taken.
    private func adjustedWidth() throws(GGUFError) -> Int {
        var size = node["block_ff_dim"]?.integer ?? 0
        if size == 0 { size = try count("intermediate_size") }
        guard (1...(1 << 20)).contains(size) else { throw GGUFError("config.json: block_ff_dim \(size) is out of range") }
        guard flag("block_auto_adjust_ff_dim") ?? true else { return size }
        let multiplier = number("block_ffn_dim_multiplier") ?? 1
        let multiple = node["block_multiple_of"]?.integer ?? 256
        guard multiplier > 0, multiplier < 100, (1...(1 << 16)).contains(multiple) else {
            throw GGUFError("config.json: block_ffn_dim_multiplier or block_multiple_of is out of range")
        }
        return (Int(multiplier * Double(2 * size / 3)) + multiple - 1) / multiple * multiple
    }

    /// Heads of keys of each layer: none of a convolution.
    func keyHeadsOfLayers(_ sizes: Sizes) -> [Int] {
        let all = 0..<sizes.layers
        if let indices = node["full_attn_idxs"]?.array {
            let attending = Set(indices.compactMap(\.integer))
            return all.map { attending.contains($0) ? sizes.keyHeads : 0 }
        }
        let types = node["layer_types"]?.array?.map { $0.string ?? "" } ?? []
        return all.map { $0 < types.count && types[$0] == "conv" ? 0 : sizes.keyHeads }
    }

    /// Rotary settings: under `rope_scaling`, or, since transformers 5, under `rope_parameters`,
    /// where models with two tables have one for each kind of layer.
    private var rotary: JSONNode? {
        let settings = node["rope_parameters"] ?? node["rope_scaling"]
        return settings?["full_attention"] ?? settings
    }

    private var rotaryType: String { rotary?["rope_type"]?.string ?? rotary?["type"]?.string ?? "default" }

    var rotaryBase: Double {
        node["rope_theta"]?.double ?? node["rotary_emb_base"]?.double ?? rotary?["rope_theta"]?.double
            ?? (modelType.hasPrefix("gemma3") || modelType == "lfm2" ? 1e6 : 1e4)
    }

    /// The share of a head that is rotated.
    private func rotaryShare(_ key: String = "partial_rotary_factor", or standard: Double) -> Double {
        number(key) ?? rotary?["partial_rotary_factor"]?.double ?? standard
    }

    /// What no key of a GGUF file says, and llama.cpp computes in one way.
    func check() throws(GGUFError) {
        let sizes = try sizes()
        if !["default", "linear", "yarn", "llama3", "longrope", "su"].contains(rotaryType) {
            throw GGUFError("config.json: rotary scaling \"\(rotaryType)\" cannot be said in a GGUF file")
        }
        if modelType == "gemma2", let scalar = number("query_pre_attn_scalar"), scalar != Double(sizes.headWidth) {
            throw GGUFError(
                "config.json: query_pre_attn_scalar is \(scalar), and llama.cpp scales Gemma 2's scores by the width of a head alone")
        }
        if modelType == "smollm3", let interval = node["no_rope_layer_interval"]?.integer, interval != 4 {
            throw GGUFError("config.json: no_rope_layer_interval is \(interval), and llama.cpp leaves every fourth layer without rotation")
        }
        if ["gemma3_text"].contains(modelType), let pattern = node["sliding_window_pattern"]?.integer, pattern != 6 {
            throw GGUFError("config.json: sliding_window_pattern is \(pattern), and llama.cpp's is 6")
        }
        if modelType == "qwen3_moe" {
            let step = node["decoder_sparse_step"]?.integer ?? 1
            guard step == 1, node["mlp_only_layers"]?.array?.isEmpty ?? true else {
                throw GGUFError(
                    "config.json: \(step == 1 ? "mlp_only_layers" : "decoder_sparse_step") leaves layers without experts, and llama.cpp's have some in "
                        + "every layer")
            }
            guard flag("norm_topk_prob") == true else {
                throw GGUFError(
                    "config.json: norm_topk_prob is not true, and llama.cpp divides the shares of the chosen experts by their sum")
            }
        }
        if modelType == "gpt_oss" {
            if let limit = number("swiglu_limit"), limit != 7 {
                throw GGUFError("config.json: swiglu_limit is \(limit), and llama.cpp's is 7")
            }
            let types = node["layer_types"]?.array?.map { $0.string ?? "" } ?? []
            if types.enumerated().contains(where: { $1 != ($0 % 2 == 0 ? "sliding_attention" : "full_attention") }) {
                throw GGUFError("config.json: layer_types are not sliding and full in turns, and llama.cpp's are")
            }
        }
        if ["phimoe", "lfm2"].contains(modelType), sizes.headWidth * sizes.heads != sizes.hidden {
            throw GGUFError(
                "config.json: head_dim is \(sizes.headWidth), and llama.cpp's heads of this family are \(sizes.hidden / sizes.heads) columns wide"
            )
        }
        if modelType == "phimoe" {
            for key in ["attention_bias", "lm_head_bias"] where flag(key) != true {
                throw GGUFError("config.json: \(key) is not true, and llama.cpp demands that bias of this family")
            }
        }
        if modelType == "lfm2", flag("conv_bias") == true {
            throw GGUFError("config.json: conv_bias is true, and llama.cpp's convolutions have no bias")
        }
        if modelType == "gpt2", flag("scale_attn_weights") == false || flag("scale_attn_by_inverse_layer_idx") == true {
            throw GGUFError(
                "config.json: scale_attn_weights or scale_attn_by_inverse_layer_idx asks for another scale of scores than llama.cpp's")
        }
        if flag("qk_layernorm") == true {
            throw GGUFError("config.json: qk_layernorm is true, and llama.cpp has no norms of heads in this family")
        }
        if modelType.hasPrefix("qwen"), flag("use_sliding_window") == true {
            throw GGUFError("config.json: use_sliding_window is true, and llama.cpp has no window for this family")
        }
    }

    /// What differs from family to family, behind the keys that all have.
    func ownKeys(_ sizes: Sizes, _ form: GGUFForm) throws(GGUFError) -> [(String, GGUFValue)] {
        var keys: [(String, GGUFValue)] = []
        if let count = rotatedColumns(sizes) { keys.append(("rope.dimension_count", .uint32(count))) }
        if form.mayUseLongrope {
            keys.append(("rope.scaling.original_context_length", .uint32(originalPositions ?? sizes.positions)))
        }
        for key in form.keys {
            switch key.value {
            case .flag: keys.append((key.file, .bool(flag(key.configuration) ?? (key.standard == 1))))
            case .count: keys.append((key.file, .uint32(count(of: key.configuration) ?? Int(key.standard ?? 0))))
            case .number:
                // Newer files of Gemma 3 have the base of sliding layers elsewhere.
                let newer = key.file == "rope.freq_base_swa" ? node["rope_parameters"]?["sliding_attention"]?["rope_theta"]?.double : nil
                guard let number = number(key.configuration) ?? newer ?? key.standard else {
                    throw GGUFError("config.json: \(key.configuration) is missing")
                }
                keys.append((key.file, .float32(number)))
            }
        }
        if form.mayUseLongrope, isLongrope {
            keys.append(("rope.scaling.attn_factor", .float32(longropeFactor(sizes))))
        }
        return keys + (form.writesScaling ? scaling() : [])
    }

    /// The columns of a head that are rotated, where files of the family say so beside its width.
    private func rotatedColumns(_ sizes: Sizes) -> Int? {
        switch modelType {
        case "phi3", "phimoe": Int(rotaryShare(or: 1) * Double(sizes.hidden)) / sizes.heads
        case "phi": Int(rotaryShare(or: 0.5) * Double(sizes.hidden)) / sizes.heads
        case "glm4": Int(rotaryShare(or: 0.5) * Double(sizes.headWidth))
        case "gpt_neox": Int(rotaryShare("rotary_pct", or: 0.25) * Double(sizes.hidden / sizes.heads))
        default: nil
        }
    }

    /// What llama.cpp computes otherwise, though the file can be used, a sentence each.
    package var remarks: [String] {
        var remarks: [String] = []
        let positions = node["max_position_embeddings"]?.integer ?? 0
        if ["phi3", "phimoe", "mistral", "mixtral", "starcoder2"].contains(modelType), let window = node["sliding_window"]?.integer,
            window < positions
        {
            remarks.append(
                "llama.cpp has no sliding window for this family: behind \(window) tokens its answers are others than the model's own")
        }
        if rotaryType == "yarn", rotary?["truncate"]?.bool == false {
            remarks.append(
                "llama.cpp rounds the borders between YaRN's frequencies to whole columns, and this model does not: its answers differ a "
                    + "little")
        }
        if modelType == "phimoe" {
            remarks.append(
                "llama.cpp computes this family otherwise than transformers: norms take no mean away, and the shares of the chosen experts are "
                    + "made to add up to one; its answers are others")
            if let noise = number("router_jitter_noise"), noise != Self.usualJitter {
                remarks.append(
                    "router_jitter_noise is \(noise), which a file cannot say: read again it is \(Self.usualJitter), that of the released models"
                )
            }
        }
        if modelType == "gpt_neox", node["hidden_act"]?.string ?? "gelu" == "gelu" {
            remarks.append("llama.cpp computes GELU by its approximation with a hyperbolic tangent; this family's own is exact")
        }
        return remarks
    }

    /// Phi-3.5-MoE's, by which its choice of experts is made.
    static let usualJitter = 0.01

    private func scaling() -> [(String, GGUFValue)] {
        guard ["linear", "yarn"].contains(rotaryType), let factor = rotary?["factor"]?.double else { return [] }
        var keys: [(String, GGUFValue)] = [("rope.scaling.type", .string(rotaryType)), ("rope.scaling.factor", .float32(factor))]
        guard rotaryType == "yarn" else { return keys }
        keys.append(("rope.scaling.original_context_length", .uint32(originalPositions ?? 0)))
        for (key, name) in [("beta_fast", "yarn_beta_fast"), ("beta_slow", "yarn_beta_slow"), ("attention_factor", "yarn_attn_factor")] {
            if let number = rotary?[key]?.double { keys.append(("rope.scaling." + name, .float32(number))) }
        }
        return keys
    }

    private var originalPositions: Int? {
        node["original_max_position_embeddings"]?.integer ?? rotary?["original_max_position_embeddings"]?.integer
    }

    private var isLongrope: Bool { rotaryType == "longrope" || rotaryType == "su" }

    /// `sqrt(1 + ln(max/original) / ln(original))`.
    private func longropeFactor(_ sizes: Sizes) -> Double {
        // Phi-3.5-MoE has it in words.
        if modelType == "phimoe", let factor = rotary?["short_mscale"]?.double { return factor }
        let original = Double(originalPositions ?? sizes.positions)
        let ratio = Double(sizes.positions) / original
        return ratio <= 1 ? 1 : (1 + Logarithm.of(ratio) / Logarithm.of(original)).squareRoot()
    }

    /// Divisors of the rotary frequencies that a file has as tensors, by their names.
    package func rotaryFactors() throws(GGUFError) -> [(name: String, factors: [Float])] {
        let sizes = try sizes()
        if isLongrope {
            var found: [(name: String, factors: [Float])] = []
            for (key, name) in [("long_factor", "rope_factors_long.weight"), ("short_factor", "rope_factors_short.weight")] {
                let factors = (rotary?[key]?.array ?? []).compactMap { number in number.double.map { Float($0) } }
                guard !factors.isEmpty else { throw GGUFError("config.json: \(key) of the rotary scaling is missing") }
                found.append((name, factors))
            }
            return found
        }
        guard rotaryType == "llama3" else { return [] }
        guard let factor = rotary?["factor"]?.double, let low = rotary?["low_freq_factor"]?.double,
            let high = rotary?["high_freq_factor"]?.double, let original = originalPositions
        else { throw GGUFError("config.json: a factor of the rotary scaling llama3 is missing") }
        let factors = Self.llama3Factors(
            base: rotaryBase, width: sizes.headWidth, factor: factor, low: low, high: high, original: Double(original))
        return [(name: "rope_freqs.weight", factors: factors)]
    }

    /// Llama 3's divisors of the frequencies: 1 for short wavelengths, `factor` for long ones,
    /// between them what joins the two.
    static func llama3Factors(base: Double, width: Int, factor: Double, low: Double, high: Double, original: Double) -> [Float] {
        stride(from: 0, to: width, by: 2).map { column in
            let wavelength = 2 * Double.pi * Logarithm.power(base, Double(column) / Double(width))
            if wavelength < original / high { return 1 }
            if wavelength > original / low { return Float(factor) }
            let smooth = (original / wavelength - low) / (high - low)
            return Float(1 / ((1 - smooth) / factor + smooth))
        }
    }
}
