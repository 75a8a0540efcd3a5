import GGUF
import JSON

/// What a GGUF file says of a model, from its config.json.
package struct GGUFConfiguration {
    package struct Sizes {
        package var layers, positions, hidden, inner, heads, keyHeads, headWidth, vocabulary: Int

        /// - Throws: ``GGUFError`` where heads together are not as wide as the model.
        func checkWidthOfHeads() throws(GGUFError) {
            guard headWidth * heads != hidden else { return }
            throw GGUFError(
                "config.json: head_dim is \(headWidth), and llama.cpp's heads of this family are \(hidden / heads) columns wide")
        }
    }

    let family: any GGUFFamily.Type
    private let node: JSONNode
    private var form: GGUFForm { family.form }

    /// - Throws: ``GGUFError`` for a family that is not written.
    init(_ node: JSONNode) throws(GGUFError) {
        let type = node["model_type"]?.string ?? ""
        guard let family = GGUFFamilies.family(type) else {
            let known = GGUFFamilies.all.map { $0.modelType }.sorted()
            throw GGUFError("models of the type \(type) cannot be written as GGUF; \(known.joined(separator: ", ")) can")
        }
        (self.node, self.family) = (node, family)
    }

    func holds(_ key: String) -> Bool { node[key] != nil }
    func text(_ key: String) -> String? { node[key]?.string }
    func number(_ key: String) -> Double? { node[key]?.double }
    func integer(_ key: String) -> Int? { node[key]?.integer }
    func flag(_ key: String) -> Bool? { node[key]?.bool }
    func list(_ key: String) -> [JSONNode] { node[key]?.array ?? [] }

    /// A whole number; experts have two names.
    func count(of key: String) -> Int? { integer(key) ?? (key == "num_experts" ? integer("num_local_experts") : nil) }

    /// A size, under the name that the family has for it.
    /// - Throws: ``GGUFError`` where it is missing or out of range.
    func count(_ name: String) throws(GGUFError) -> Int {
        let key = form.sizeKeys[name] ?? name
        guard let count = integer(key), (1...(1 << 30)).contains(count) else { throw GGUFError("config.json: \(key) is missing") }
        return count
    }

    func sizes() throws(GGUFError) -> Sizes {
        let (hidden, heads) = (try count("hidden_size"), try count("num_attention_heads"))
        return Sizes(
            layers: try count("num_hidden_layers"), positions: try count("max_position_embeddings"), hidden: hidden,
            inner: try family.innerWidth(self), heads: heads, keyHeads: integer("num_key_value_heads") ?? heads,
            headWidth: integer("head_dim") ?? (holds("head_dim") ? nil : form.usualHeadWidth) ?? hidden / heads,
            vocabulary: try count("vocab_size"))
    }

    /// Rotary settings: under `rope_scaling`, or, since transformers 5, under `rope_parameters`,
    /// where models with two tables have one for each kind of layer.
    private var rotary: JSONNode? {
        let settings = node["rope_parameters"] ?? node["rope_scaling"]
        return settings?["full_attention"] ?? settings
    }

    private var rotaryType: String { rotary?["rope_type"]?.string ?? rotary?["type"]?.string ?? "default" }

    var rotaryBase: Double {
        number("rope_theta") ?? number("rotary_emb_base") ?? rotary?["rope_theta"]?.double ?? form.usualRotaryBase
    }

    /// The share of a head that is rotated.
    func rotaryShare(_ key: String = "partial_rotary_factor", or standard: Double) -> Double {
        number(key) ?? rotary?["partial_rotary_factor"]?.double ?? standard
    }

    /// Asks for layers that slide where llama.cpp's do, where config.json lists them.
    /// - Throws: ``GGUFError`` naming the key.
    func requireSliding(_ words: String, where slides: (Int) -> Bool) throws(GGUFError) {
        for (index, type) in list("layer_types").enumerated() where (type.string == "sliding_attention") != slides(index) {
            throw GGUFError("config.json: entry \(index + 1) of layer_types is \(type.string ?? ""), and llama.cpp's layers \(words)")
        }
    }

    private var activation: String { text(form.activation.key) ?? form.activation.word }
    private static func isGELU(_ word: String) -> Bool { ["gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh"].contains(word) }

    /// - Throws: ``GGUFError`` naming what no key of a GGUF file says and llama.cpp computes in one
    ///   way.
    func check() throws(GGUFError) {
        if !["default", "linear", "yarn", "llama3", "longrope", "su"].contains(rotaryType) {
            throw GGUFError("config.json: rotary scaling \"\(rotaryType)\" cannot be said in a GGUF file")
        }
        if rotaryType == "llama3", !form.readsDivisors {
            throw GGUFError("config.json: rotary scaling \"llama3\" is not read by llama.cpp for this family")
        }
        let (given, usual) = (activation, form.activation.word)
        if Self.isGELU(given) != Self.isGELU(usual) || !Self.isGELU(given) && !["silu", "swish"].contains(given) {
            throw GGUFError("config.json: \(form.activation.key) is \(given), and llama.cpp computes this family with \(usual)")
        }
        for key in form.refusedBiases where flag(key) == true {
            throw GGUFError("config.json: \(key) is true, and llama.cpp reads no such bias of this family")
        }
        for (key, standard) in form.demandedBiases.sorted(by: { $0.key < $1.key }) where !(flag(key) ?? standard) {
            throw GGUFError("config.json: \(key) is not true, and llama.cpp demands that bias of this family")
        }
        if flag("qk_layernorm") == true {
            throw GGUFError("config.json: qk_layernorm is true, and llama.cpp has no norms of heads in this family")
        }
        try family.check(self, sizes())
    }

    /// What differs from family to family, behind the keys that all have.
    func ownKeys(_ sizes: Sizes) throws(GGUFError) -> [(String, GGUFValue)] {
        var keys: [(String, GGUFValue)] = []
        if let count = family.rotatedColumns(self, sizes) { keys.append(("rope.dimension_count", .uint32(count))) }
        if form.mayUseLongrope {
            keys.append(("rope.scaling.original_context_length", .uint32(originalPositions ?? sizes.positions)))
        }
        for key in form.keys {
            switch key.value {
            case .flag: keys.append((key.file, .bool(flag(key.configuration) ?? (key.standard == 1))))
            case .count: keys.append((key.file, .uint32(count(of: key.configuration) ?? Int(key.standard ?? 0))))
            case .number:
                let newer = key.newer.reduce(key.newer.isEmpty ? nil : node) { inner, name in inner?[name] }
                guard let number = number(key.configuration) ?? newer?.double ?? key.standard else {
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

    /// What llama.cpp computes otherwise, though the file can be used, a sentence each.
    package var remarks: [String] {
        var remarks = family.remarks(writing: self)
        if activation == "gelu" {
            remarks.append("llama.cpp computes GELU by its approximation with a hyperbolic tangent; this model's own is exact")
        }
        if rotaryType == "yarn", rotary?["truncate"]?.bool == false {
            remarks.append(
                "llama.cpp rounds the borders between YaRN's frequencies to whole columns, and this model does not: its answers differ a "
                    + "little")
        }
        return remarks
    }

    /// Of a family whose window llama.cpp does not know, where the model has one.
    var remarkOnWindow: [String] {
        guard let window = integer("sliding_window"), window < integer("max_position_embeddings") ?? 0 else { return [] }
        return ["llama.cpp has no sliding window for this family: behind \(window) tokens its answers are others than the model's own"]
    }

    private func scaling() -> [(String, GGUFValue)] {
        guard ["linear", "yarn"].contains(rotaryType), let factor = rotary?["factor"]?.double else { return [] }
        var keys: [(String, GGUFValue)] = [("rope.scaling.type", .string(rotaryType)), ("rope.scaling.factor", .float32(factor))]
        guard rotaryType == "yarn" else { return keys }
        keys.append(("rope.scaling.original_context_length", .uint32(originalPositions ?? 0)))
        for (key, name) in [("beta_fast", "yarn_beta_fast"), ("beta_slow", "yarn_beta_slow")] {
            if let number = rotary?[key]?.double { keys.append(("rope.scaling." + name, .float32(number))) }
        }
        if let number = yarnScoreFactor(factor) {
            keys.append(("rope.scaling.attn_factor", .float32(number / Self.usualYarnFactor(factor))))
        }
        return keys
    }

    /// By what YaRN's scores are scaled where config.json says it: files have it as a multiple of
    /// what it usually is.
    private func yarnScoreFactor(_ factor: Double) -> Double? {
        if let given = rotary?["attention_factor"]?.double { return given }
        guard let own = rotary?["mscale"]?.double, let all = rotary?["mscale_all_dim"]?.double, own != 0, all != 0 else { return nil }
        return Self.usualYarnFactor(factor, own) / Self.usualYarnFactor(factor, all)
    }

    /// `0.1 m ln(s) + 1` (Peng et al. 2023, arXiv:2309.00071, section 3.4).
    static func usualYarnFactor(_ factor: Double, _ multiple: Double = 1) -> Double {
        factor <= 1 ? 1 : 0.1 * multiple * Logarithm.of(factor) + 1
    }

    private var originalPositions: Int? {
        node["original_max_position_embeddings"]?.integer ?? rotary?["original_max_position_embeddings"]?.integer
    }

    private var isLongrope: Bool { rotaryType == "longrope" || rotaryType == "su" }

    /// What config.json says, or `sqrt(1 + ln(max/original) / ln(original))`.
    private func longropeFactor(_ sizes: Sizes) -> Double {
        if let factor = form.scoreFactorKeys.lazy.compactMap({ rotary?[$0]?.double }).first { return factor }
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
