import Glibc
import JSON
import Storage
import Tensors

/// What config.json says of the model in a GGUF file: the tables by which files are written
/// (``GGUFForm``, ``GGUFConfiguration``), backwards.
struct GGUFConfigurationReader {
    /// Divisors of rotary frequencies, which are tensors in files and lists in config.json.
    static let rotaryNames: Set<String> = ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"]
    private let modelType: String
    private let form: GGUFForm
    private let files: [GGUFFile]
    private let names: Set<String>
    let (layers, heads, keyHeads): (Int, Int, Int)
    private let (hidden, inner, positions, headWidth): (Int, Int, Int, Int)
    /// Of the embedding.
    let rows: Int
    /// Experts of a layer; 0: the model is no mixture.
    let experts: Int
    /// The layers without attention.
    private let convolutions: [Int]
    private let stored: String
    private var metadata: GGUFMetadata { files[0].metadata }

    /// - Throws: ``GGUFFault`` naming a key that is missing or out of range.
    init(_ files: [GGUFFile], modelType: String, _ form: GGUFForm) throws(GGUFFault) {
        (self.files, self.modelType, self.form) = (files, modelType, form)
        let metadata = files[0].metadata
        func count(_ key: String, _ limit: Int) throws(GGUFFault) -> Int? {
            try metadata.integerOfAllLayers(form.name + "." + key, in: 1...limit)
        }
        func needed(_ key: String, _ limit: Int) throws(GGUFFault) -> Int {
            guard let number = try count(key, limit) else { throw metadata.fault(form.name + "." + key, "is missing") }
            return number
        }
        layers = try needed("block_count", 1 << 10)
        hidden = try needed("embedding_length", 1 << 18)
        inner = try needed("feed_forward_length", 1 << 20)
        heads = try needed("attention.head_count", 1 << 12)
        positions = try needed("context_length", 1 << 28)
        if form.hasConvolutions {
            let counts = try Self.keyHeads(metadata, form.name + ".attention.head_count_kv", layers: layers) ?? []
            keyHeads = counts.max() ?? heads
            convolutions = counts.indices.filter { counts[$0] == 0 }
        } else {
            keyHeads = try count("attention.head_count_kv", 1 << 12) ?? heads
            convolutions = []
        }
        let width = try count("attention.key_length", 1 << 12) ?? hidden / heads
        if let values = try count("attention.value_length", 1 << 12), values != width {
            throw metadata.fault(form.name + ".attention.value_length", "is \(values), and keys have \(width): they must be equal")
        }
        headWidth = width
        experts = try metadata.integer(form.name + ".expert_count", in: 0...(1 << 20)) ?? 0
        guard form.experts != nil || experts == 0 else {
            throw metadata.fault(
                form.name + ".expert_count",
                "the model is a mixture of \(experts) experts, which is not read from GGUF files of this architecture")
        }
        guard form.experts == nil || (1...1_024).contains(experts) else {
            throw metadata.fault(form.name + ".expert_count", "is \(experts), and such a model has 1 to 1024 experts")
        }
        names = Set(files.flatMap { $0.tensors.map(\.name) })
        guard let embedding = files.lazy.flatMap(\.tensors).first(where: { $0.name == "token_embd.weight" }), embedding.shape.count == 2
        else {
            throw GGUFFault(path: files[0].path, field: "token_embd.weight", "is missing, or no matrix")
        }
        rows = embedding.shape[0]
        guard rows <= 1 << 24 else {
            throw GGUFFault(path: files[0].path, field: "token_embd.weight", "has \(rows) rows; \(1 << 24) are allowed")
        }
        let types = Set(files.flatMap(\.tensors).filter { $0.shape.count > 1 }.map(\.type.name))
        stored = types == ["F32"] ? "float32" : types == ["F16"] ? "float16" : "bfloat16"
    }

    /// Heads of keys of each layer, 0 where it is a convolution; nil where one number is that of
    /// all.
    private static func keyHeads(_ metadata: GGUFMetadata, _ key: String, layers: Int) throws(GGUFFault) -> [Int]? {
        guard metadata.elementCount(key) != nil else {
            return try metadata.integer(key, in: 1...(1 << 12)).map { [Int](repeating: $0, count: layers) }
        }
        let counts = (try metadata.integers(key) ?? []).map { Int($0) }
        guard counts.count == layers else { throw metadata.fault(key, "has \(counts.count) numbers, and there are \(layers) layers") }
        let own = Set(counts).subtracting([0])
        guard own.count == 1, let heads = own.first, (1...(1 << 12)).contains(heads) else {
            throw metadata.fault(key, "has to be one number of heads for all layers with attention, and 0 for the others")
        }
        return counts
    }

    private func key(_ name: String) -> String { form.name + "." + name }

    /// A number in the fewest digits that a float32 needs: what was 1e-6 before it was rounded is
    /// 1e-6 again.
    private static func number(_ value: Double) -> JSONNode { JSONNode(Double(Float(value).description) ?? value) }

    private func number(_ name: String) throws(GGUFFault) -> Double? { try metadata.number(key(name)) }

    // MARK: config.json

    /// - Parameters: the tokens that the tokenizer names.
    /// - Throws: ``GGUFFault``.
    func configuration(begin: Int?, end: Int?) throws(GGUFFault) -> JSONNode {
        var members = [
            JSONMember("model_type", JSONNode(modelType)), JSONMember("hidden_size", JSONNode(hidden)),
            JSONMember("num_hidden_layers", JSONNode(layers)), JSONMember("num_attention_heads", JSONNode(heads)),
            JSONMember("num_key_value_heads", JSONNode(keyHeads)), JSONMember("intermediate_size", JSONNode(inner)),
            JSONMember("max_position_embeddings", JSONNode(positions)), JSONMember("vocab_size", JSONNode(rows)),
            JSONMember("tie_word_embeddings", JSONNode(!names.contains("output.weight"))), JSONMember("torch_dtype", JSONNode(stored)),
            JSONMember(form.activation.key, JSONNode(form.activation.word)),
        ]
        func add(_ name: String, _ node: JSONNode) { members.append(JSONMember(name, node)) }
        if let architecture = Self.classes[modelType] { members.insert(JSONMember("architectures", [JSONNode(architecture)]), at: 0) }
        if metadata.holds(key("attention.key_length")) || headWidth * heads != hidden { add("head_dim", JSONNode(headWidth)) }
        guard let epsilon = try number(form.epsilon.file) else { throw metadata.fault(key(form.epsilon.file), "is missing") }
        add(form.epsilon.configuration, Self.number(epsilon))
        if let begin { add("bos_token_id", JSONNode(begin)) }
        if let end { add("eos_token_id", JSONNode(end)) }
        // A size of all models may have a key of this family's beside its own.
        for own in form.keys where !members.contains(where: { $0.key == own.configuration }) {
            if let node = try value(of: own) { add(own.configuration, node) }
        }
        if let biasKey = form.biasKey {
            add(biasKey, JSONNode(names.contains { $0.hasPrefix("blk.0.attn_") && $0.hasSuffix(".bias") }))
        }
        if modelType == "llama" { add("mlp_bias", JSONNode(names.contains("blk.0.ffn_up.bias"))) }
        members += try special()
        if !form.learnsPositions { members += try rotation() }
        // Heads of keys are those of queries where positions are learned.
        if form.learnsPositions {
            guard keyHeads == heads else {
                throw metadata.fault(key("attention.head_count_kv"), "is \(keyHeads), and this architecture has as many as heads: \(heads)")
            }
            members.removeAll { $0.key == "num_key_value_heads" }
        }
        return JSONNode(members.map { JSONMember(form.sizeKeys[$0.key] ?? $0.key, $0.node) })
    }

    /// transformers' classes.
    private static let classes = [
        "llama": "LlamaForCausalLM", "smollm3": "SmolLM3ForCausalLM", "granite": "GraniteForCausalLM", "phi3": "Phi3ForCausalLM",
        "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM", "olmo2": "Olmo2ForCausalLM", "gemma2": "Gemma2ForCausalLM",
        "qwen3_moe": "Qwen3MoeForCausalLM", "mixtral": "MixtralForCausalLM", "gemma3_text": "Gemma3ForCausalLM", "glm4": "Glm4ForCausalLM",
        "starcoder2": "Starcoder2ForCausalLM", "phi": "PhiForCausalLM",
        "phimoe": "PhimoeForCausalLM", "lfm2": "Lfm2ForCausalLM", "gpt2": "GPT2LMHeadModel", "gpt_neox": "GPTNeoXForCausalLM",
        "gpt_oss": "GptOssForCausalLM",
    ]

    private func value(of own: GGUFForm.Key) throws(GGUFFault) -> JSONNode? {
        switch own.value {
        case .flag: return try metadata.flag(key(own.file)).map { JSONNode($0) }
        case .count:
            // Zero: there is none.
            let count = try metadata.integer(key(own.file), in: 0...(1 << 28)) ?? own.standard.map { Int($0) } ?? 0
            return count > 0 ? JSONNode(count) : nil
        case .number:
            guard let number = try number(own.file) ?? own.standard else { throw metadata.fault(key(own.file), "is missing") }
            return Self.number(number)
        }
    }

    /// What llama.cpp's program knows and its files do not say.
    private func special() throws(GGUFFault) -> [JSONMember] {
        switch modelType {
        case "gemma2", "gemma3_text":
            // The largest of each family divides scores by the root of another number.
            let isLargest = layers == (modelType == "gemma2" ? 46 : 62)
            var members = [JSONMember("query_pre_attn_scalar", JSONNode(isLargest ? hidden / heads : headWidth))]
            if modelType == "gemma3_text" {
                let interval = try metadata.integer(key("attention.sliding_window_pattern"), in: 1...(1 << 10)) ?? 6
                members.append(JSONMember("sliding_window_pattern", JSONNode(interval)))
                if let cap = try number("final_logit_softcapping") {
                    members.append(JSONMember("final_logit_softcapping", Self.number(cap)))
                }
            }
            return members
        case "smollm3": return [JSONMember("no_rope_layer_interval", 4)]
        case "qwen3_moe":
            return [
                JSONMember("norm_topk_prob", true), JSONMember("decoder_sparse_step", 1),
                JSONMember("mlp_only_layers", JSONNode([JSONNode]())),
            ]
        case "gpt_oss": return [JSONMember("swiglu_limit", JSONNode(7.0))]
        case "phimoe":
            return [
                JSONMember("lm_head_bias", JSONNode(names.contains("output.bias"))),
                JSONMember("router_jitter_noise", JSONNode(GGUFConfiguration.usualJitter)),
                JSONMember("input_jitter_noise", JSONNode(GGUFConfiguration.usualJitter)),
            ]
        case "lfm2":
            guard try metadata.integer(key("attention.sliding_window"), in: 0...(1 << 28)) ?? 0 == 0 else {
                throw metadata.fault(key("attention.sliding_window"), "layers of LFM2 that slide are not read from GGUF files")
            }
            let types = (0..<layers).map { JSONNode(convolutions.contains($0) ? "conv" : "full_attention") }
            return [
                JSONMember("layer_types", JSONNode(types)), JSONMember("conv_bias", false), JSONMember("block_auto_adjust_ff_dim", false),
            ]
        case "olmo2":
            guard !metadata.holds(key("attention.sliding_window")) else {
                throw metadata.fault(key("attention.sliding_window"), "OLMo 3's sliding layers are not read from GGUF files")
            }
            return []
        default: return []
        }
    }

    // MARK: Rotation

    private func rotation() throws(GGUFFault) -> [JSONMember] {
        var members: [JSONMember] = []
        let base = try number("rope.freq_base") ?? (["gemma3_text", "lfm2"].contains(modelType) ? 1e6 : 1e4)
        members.append(JSONMember(modelType == "gpt_neox" ? "rotary_emb_base" : "rope_theta", Self.number(base)))
        let columns = try metadata.integer(key("rope.dimension_count"), in: 1...(1 << 12)) ?? headWidth
        let shares = [
            "phi3": "partial_rotary_factor", "phi": "partial_rotary_factor", "glm4": "partial_rotary_factor", "gpt_neox": "rotary_pct",
        ]
        if let name = shares[modelType] {
            guard columns <= headWidth else {
                throw metadata.fault(key("rope.dimension_count"), "is \(columns), and a head has \(headWidth) columns")
            }
            if columns < headWidth || modelType != "phi3" { members.append(JSONMember(name, JSONNode(share(columns)))) }
        } else if columns != headWidth {
            throw metadata.fault(
                key("rope.dimension_count"), "is \(columns), and this architecture turns all \(headWidth) columns of a head")
        }
        if form.mayUseLongrope, let original = try metadata.integer(key("rope.scaling.original_context_length"), in: 1...(1 << 28)) {
            members.append(JSONMember("original_max_position_embeddings", JSONNode(original)))
        }
        if let scaling = try scaling(base: base, columns: columns) { members.append(JSONMember("rope_scaling", scaling)) }
        return members
    }

    /// The share of a head whose whole number of columns, rounded down, is this.
    private func share(_ columns: Int) -> Double {
        let share = Double(columns) / Double(headWidth)
        return Int(Double(headWidth) * share) == columns ? share : share.nextUp
    }

    private func scaling(base: Double, columns: Int) throws(GGUFFault) -> JSONNode? {
        let (long, short) = (try factors("rope_factors_long.weight", columns), try factors("rope_factors_short.weight", columns))
        if let long, let short {
            var members = [
                JSONMember("rope_type", "longrope"), JSONMember("long_factor", Self.list(long)),
                JSONMember("short_factor", Self.list(short)),
            ]
            if let factor = try number("rope.scaling.attn_factor") {
                // Phi-3.5-MoE has it under two names of its own.
                let names = modelType == "phimoe" ? ["short_mscale", "long_mscale"] : ["attention_factor"]
                members += names.map { JSONMember($0, Self.number(factor)) }
            }
            return JSONNode(members)
        }
        guard long == nil, short == nil else {
            throw GGUFFault(
                path: files[0].path, field: long == nil ? "rope_factors_long.weight" : "rope_factors_short.weight",
                "is missing beside the other")
        }
        if let found = try factors("rope_freqs.weight", columns) { return llama3(found, base: base) }
        let type = try metadata.text(key("rope.scaling.type")) ?? (metadata.holds(key("rope.scale_linear")) ? "linear" : "none")
        switch type {
        case "none": return nil
        case "linear", "yarn":
            let older = type == "linear" ? try number("rope.scale_linear") : nil
            guard let factor = try number("rope.scaling.factor") ?? older else {
                throw metadata.fault(key("rope.scaling.factor"), "is missing")
            }
            if factor == 1, type == "linear" { return nil }
            var members = [JSONMember("rope_type", JSONNode(type)), JSONMember("factor", Self.number(factor))]
            guard type == "yarn" else { return JSONNode(members) }
            if let original = try metadata.integer(key("rope.scaling.original_context_length"), in: 1...(1 << 28)) {
                members.append(JSONMember("original_max_position_embeddings", JSONNode(original)))
            }
            for (name, file) in [
                ("beta_fast", "yarn_beta_fast"), ("beta_slow", "yarn_beta_slow"), ("attention_factor", "yarn_attn_factor"),
            ] {
                if let number = try number("rope.scaling." + file) { members.append(JSONMember(name, Self.number(number))) }
            }
            // The models were made so, and files have no key for it.
            if modelType == "gpt_oss" { members.append(JSONMember("truncate", false)) }
            return JSONNode(members)
        default:
            throw metadata.fault(key("rope.scaling.type"), "\"\(GGUFFault.shown(type))\" is not known; none, linear, yarn and longrope are")
        }
    }

    private static func list(_ numbers: [Float]) -> JSONNode { JSONNode(numbers.map { number(Double($0)) }) }

    /// Divisors of the frequencies, one for each pair of columns.
    private func factors(_ name: String, _ columns: Int) throws(GGUFFault) -> [Float]? {
        guard let (file, tensor) = files.lazy.compactMap({ file in file.tensors.first { $0.name == name }.map { (file, $0) } }).first else {
            return nil
        }
        func fault(_ message: String) -> GGUFFault { GGUFFault(path: file.path, field: name, message) }
        guard tensor.type.name == "F32", tensor.shape.reduce(1, *) == columns / 2, let bytes = file.file?.bytes else {
            throw fault("is no F32 vector of \(columns / 2) numbers, one for each pair of columns")
        }
        let numbers = (0..<(columns / 2)).map {
            Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: tensor.place.lowerBound + 4 * $0, as: UInt32.self)))
        }
        guard numbers.allSatisfy({ $0 > 0 && $0 < 1e6 }) else { throw fault("holds a divisor that is not positive") }
        return numbers
    }

    /// Llama 3's scaling as it was given before it became divisors: the settings, of those that
    /// models have, that give these; where none do, the divisors themselves.
    private func llama3(_ factors: [Float], base: Double) -> JSONNode {
        let factor = factors.max() ?? 1
        for original in (5...20).map({ 1 << $0 }) where original <= positions {
            for (low, high) in [(1.0, 4.0), (1.0, 2.0), (2.0, 4.0), (1.0, 8.0), (1.0, 32.0)] {
                let computed = GGUFConfiguration.llama3Factors(
                    base: base, width: 2 * factors.count, factor: Double(factor), low: low, high: high, original: Double(original))
                guard zip(computed, factors).allSatisfy({ abs($0 - $1) <= 1e-5 * $1 }) else { continue }
                return [
                    "rope_type": "llama3", "factor": Self.number(Double(factor)), "low_freq_factor": JSONNode(low),
                    "high_freq_factor": JSONNode(high), "original_max_position_embeddings": JSONNode(original),
                ]
            }
        }
        return [
            "rope_type": "longrope", "long_factor": Self.list(factors), "short_factor": Self.list(factors), "attention_factor": 1.0,
            "original_max_position_embeddings": JSONNode(positions),
        ]
    }

    // MARK: Remarks

    /// What a file cannot say of its model, a sentence each.
    func remarks() throws(GGUFFault) -> [String] {
        var remarks: [String] = []
        let name = try metadata.text("general.name") ?? ""
        let base = try metadata.text("general.basename") ?? ""
        if modelType == "llama", [name, base].contains(where: { $0.lowercased().contains("mistral") }) {
            remarks.append(
                "a GGUF file of the architecture llama says nothing of a sliding window: where the model has one, tokens behind it are seen, "
                    + "as llama.cpp sees them")
        }
        if modelType == "starcoder2" {
            remarks.append("a GGUF file says nothing of this family's sliding window: tokens behind it are seen, as llama.cpp sees them")
        }
        if ["phi3", "phimoe"].contains(modelType), let window = try metadata.integer(key("attention.sliding_window"), in: 0...(1 << 28)),
            window > 0,
            window < positions
        {
            remarks.append(
                "the model's sliding window of \(window) tokens is kept, as it was trained; llama.cpp ignores it, so that there answers to longer "
                    + "texts are others")
        }
        if modelType == "phimoe" {
            remarks.append(
                "the model is computed as transformers does; llama.cpp takes no mean away in its norms, and makes the shares of the chosen experts "
                    + "add up to one")
        }
        if modelType == "gpt_neox" {
            remarks.append(
                "GELU is computed exactly, as the family was trained; llama.cpp takes its approximation with a hyperbolic tangent")
        }
        return remarks
    }
}
