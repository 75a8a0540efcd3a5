/// How a family's files differ from the others': the names of modules and keys, and what is done to
/// its tensors. Read in both directions: for files that are written and files that are read.
struct GGUFForm {
    /// A key that says the same in both, below the architecture's name in the file.
    struct Key {
        enum Value {
            case number, count, flag
        }
        var file: String
        var configuration: String
        var value: Value
        /// What config.json means where it says nothing; nil: it has to say it.
        var standard: Double?
    }
    struct Experts {
        /// What stands before an expert's number, below a layer.
        var prefix: String
        /// By an expert's modules the tensors of files.
        var modules: [String: String]
        /// Experts of a layer, in config.json.
        var countKey: String
        /// Columns between an expert's projections, in config.json.
        var widthKey: String
        /// Whether each has a bias.
        var hasBias = false

        /// The endings of its tensors' names.
        var kinds: [String] { hasBias ? ["weight", "bias"] : ["weight"] }
    }
    /// The architecture's name in llama.cpp.
    var name: String
    var interleavesHeads = false
    var addsOneToNorms = false
    /// Queries, keys and values lie head by head in one matrix, and go into the file as thirds.
    var hasThirds = false
    var writesVocabulary = false
    var writesHeadWidth = true
    var tiesByDefault = false
    /// What stands before a layer's number.
    var layers = "model.layers"
    var outer = ["model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"]
    var modules = GGUFForm.standard
    /// Tensors of a layer that checkpoints name without an ending, and files with that of a weight.
    var bare: [String: String] = [:]
    /// The keys of the norms' epsilon, in the file and in config.json.
    var epsilon = (file: "attention.layer_norm_rms_epsilon", configuration: "rms_norm_eps")
    /// What it is where config.json says nothing.
    var usualEpsilon = 1e-6
    /// Modules, by their names in files, whose weights checkpoints have the other way round.
    var turned: Set<String> = []
    /// Whether positions are learned: files say nothing of rotations.
    var learnsPositions = false
    /// What config.json calls the sizes, where that is something else.
    var sizeKeys: [String: String] = [:]
    /// Keys that only this family has.
    var keys: [Key] = []
    /// The matrices of experts, of which a file has those of all experts of a layer in one tensor.
    var experts: Experts?
    /// Whether layers may be convolutions in the place of attention: files say so by layers without
    /// heads of keys.
    var hasConvolutions = false
    /// Whether files say how rotations are scaled.
    var writesScaling = true
    /// Whether rotations may have a factor for each column (LongRoPE): files then say for how many
    /// positions the model was trained at first, and by what scores are scaled.
    var mayUseLongrope = false
    /// The key that says whether queries, keys and values have a bias; nil where that never
    /// changes.
    var biasKey: String?
    /// What config.json says beside what files say.
    var activation = (key: "hidden_act", word: "silu")

    /// What happens to a tensor of this name in the file, without its ending.
    func change(_ name: String, heads: Int, keyHeads: Int) -> GGUFArchitecture.Change {
        switch name {
        case "attn_q" where interleavesHeads: .interleaveHeads(heads)
        case "attn_k" where interleavesHeads: .interleaveHeads(keyHeads)
        case "attn_qkv" where hasThirds: .gatherThirds(heads)
        default: addsOneToNorms && name.hasSuffix("_norm") ? .addOne : .none
        }
    }

    /// The modules of a layer, by their names in checkpoints.
    private static let standard = [
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
        "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    ]
    /// The standard modules with others, which take the places of those that have their names.
    private static func standard(with others: [String: String]) -> [String: String] {
        standard.filter { module in !others.values.contains(module.value) }.merging(others) { $1 }
    }

    private static let gemma = standard(with: [
        "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
        "post_feedforward_layernorm": "post_ffw_norm",
    ])
    private static func expertKeys(_ experts: Experts) -> [Key] {
        [
            Key(file: "expert_count", configuration: experts.countKey, value: .count),
            Key(file: "expert_used_count", configuration: "num_experts_per_tok", value: .count),
        ]
    }
    private static let manyExperts = Experts(
        prefix: "mlp.experts", modules: ["gate_proj": "ffn_gate_exps", "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps"],
        countKey: "num_experts", widthKey: "moe_intermediate_size")
    private static let fewExperts = Experts(
        prefix: "block_sparse_moe.experts", modules: ["w1": "ffn_gate_exps", "w3": "ffn_up_exps", "w2": "ffn_down_exps"],
        countKey: "num_local_experts", widthKey: "intermediate_size")
    private static let biasedExperts = Experts(
        prefix: "mlp.experts", modules: ["gate_proj": "ffn_gate_exps", "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps"],
        countKey: "num_local_experts", widthKey: "intermediate_size", hasBias: true)
    private static let convolutions = [
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.out_proj": "attn_output",
        "self_attn.q_layernorm": "attn_q_norm", "self_attn.k_layernorm": "attn_k_norm", "conv.in_proj": "shortconv.in_proj",
        "conv.conv": "shortconv.conv", "conv.out_proj": "shortconv.out_proj", "operator_norm": "attn_norm", "ffn_norm": "ffn_norm",
        "feed_forward.w1": "ffn_gate", "feed_forward.w3": "ffn_up", "feed_forward.w2": "ffn_down",
    ]
    private static let layerNormEpsilon = (file: "attention.layer_norm_epsilon", configuration: "layer_norm_eps")
    private static let gemmaActivation = (key: "hidden_activation", word: "gelu_pytorch_tanh")

    /// By `model_type` of config.json.
    static let all: [String: GGUFForm] = [
        "llama": GGUFForm(name: "llama", interleavesHeads: true, writesVocabulary: true, biasKey: "attention_bias"),
        "mistral": GGUFForm(name: "llama", interleavesHeads: true, writesVocabulary: true),
        "mixtral": GGUFForm(
            name: "llama", interleavesHeads: true, writesVocabulary: true,
            modules: standard(with: ["block_sparse_moe.gate": "ffn_gate_inp"]), keys: expertKeys(fewExperts), experts: fewExperts),
        "smollm3": GGUFForm(
            name: "smollm3", interleavesHeads: true, writesVocabulary: true, tiesByDefault: true, biasKey: "attention_bias"),
        "granite": GGUFForm(
            name: "granite", interleavesHeads: true, writesVocabulary: true, writesHeadWidth: false,
            keys: [
                Key(file: "attention.scale", configuration: "attention_multiplier", value: .number),
                Key(file: "embedding_scale", configuration: "embedding_multiplier", value: .number),
                Key(file: "residual_scale", configuration: "residual_multiplier", value: .number),
                Key(file: "logit_scale", configuration: "logits_scaling", value: .number),
            ], biasKey: "attention_bias"),
        "phi3": GGUFForm(
            name: "phi3", writesHeadWidth: false,
            modules: standard(with: ["self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up"]),
            keys: [Key(file: "attention.sliding_window", configuration: "sliding_window", value: .count, standard: 0)],
            writesScaling: false,
            mayUseLongrope: true),
        "qwen2": GGUFForm(name: "qwen2", writesHeadWidth: false),
        "qwen3": GGUFForm(name: "qwen3", biasKey: "attention_bias"),
        "qwen3_moe": GGUFForm(
            name: "qwen3moe", modules: standard(with: ["mlp.gate": "ffn_gate_inp"]),
            keys: expertKeys(manyExperts) + [
                Key(file: "expert_feed_forward_length", configuration: "moe_intermediate_size", value: .count)
            ], experts: manyExperts, biasKey: "attention_bias"),
        "phimoe": GGUFForm(
            name: "phimoe", writesHeadWidth: false, modules: standard(with: ["block_sparse_moe.gate": "ffn_gate_inp"]), usualEpsilon: 1e-5,
            keys: expertKeys(fewExperts) + [
                Key(file: "attention.sliding_window", configuration: "sliding_window", value: .count, standard: 0)
            ], experts: fewExperts, writesScaling: false, mayUseLongrope: true, biasKey: "attention_bias"),
        "lfm2": GGUFForm(
            name: "lfm2", writesVocabulary: true, tiesByDefault: true,
            outer: ["model.embed_tokens": "token_embd", "model.embedding_norm": "token_embd_norm", "lm_head": "output"],
            modules: convolutions, epsilon: (file: "attention.layer_norm_rms_epsilon", configuration: "norm_eps"), usualEpsilon: 1e-5,
            keys: [Key(file: "shortconv.l_cache", configuration: "conv_L_cache", value: .count, standard: 3)], hasConvolutions: true),
        "gpt_oss": GGUFForm(
            name: "gpt-oss",
            modules: standard(with: ["post_attention_layernorm": "post_attention_norm", "mlp.router": "ffn_gate_inp"]),
            bare: ["self_attn.sinks": "attn_sinks"],
            keys: expertKeys(biasedExperts) + [
                Key(file: "expert_feed_forward_length", configuration: "intermediate_size", value: .count),
                Key(file: "attention.sliding_window", configuration: "sliding_window", value: .count, standard: 128),
            ], experts: biasedExperts, biasKey: "attention_bias"),
        "olmo2": GGUFForm(
            name: "olmo2", writesHeadWidth: false,
            modules: standard(with: [
                "post_attention_layernorm": "post_attention_norm", "post_feedforward_layernorm": "post_ffw_norm",
            ]), biasKey: "attention_bias"),
        "gemma2": GGUFForm(
            name: "gemma2", addsOneToNorms: true, tiesByDefault: true, modules: gemma,
            keys: [
                Key(file: "attn_logit_softcapping", configuration: "attn_logit_softcapping", value: .number),
                Key(file: "final_logit_softcapping", configuration: "final_logit_softcapping", value: .number),
                Key(file: "attention.sliding_window", configuration: "sliding_window", value: .count, standard: 4096),
            ], writesScaling: false, biasKey: "attention_bias", activation: gemmaActivation),
        "gemma3_text": GGUFForm(
            name: "gemma3", addsOneToNorms: true, tiesByDefault: true, modules: gemma,
            keys: [
                Key(file: "rope.freq_base_swa", configuration: "rope_local_base_freq", value: .number, standard: 1e4),
                Key(file: "attention.sliding_window", configuration: "sliding_window", value: .count, standard: 0),
            ], biasKey: "attention_bias", activation: gemmaActivation),
        "glm4": GGUFForm(
            name: "glm4",
            modules: standard(with: [
                "mlp.gate_up_proj": "ffn_up", "post_self_attn_layernorm": "post_attention_norm", "post_mlp_layernorm": "post_ffw_norm",
            ]), biasKey: "attention_bias"),
        "starcoder2": GGUFForm(
            name: "starcoder2", writesHeadWidth: false, tiesByDefault: true,
            modules: standard(with: ["mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"]),
            epsilon: (file: "attention.layer_norm_epsilon", configuration: "norm_epsilon"), biasKey: "use_bias",
            activation: (key: "hidden_act", word: "gelu_pytorch_tanh")),
        "phi": GGUFForm(
            name: "phi2", writesHeadWidth: false,
            outer: ["model.embed_tokens": "token_embd", "model.final_layernorm": "output_norm", "lm_head": "output"],
            modules: standard(with: ["self_attn.dense": "attn_output", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down"]),
            epsilon: layerNormEpsilon, activation: (key: "hidden_act", word: "gelu_new")),
        "gpt2": GGUFForm(
            name: "gpt2", writesHeadWidth: false, tiesByDefault: true, layers: "transformer.h",
            outer: [
                "transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm", "lm_head": "output",
            ],
            modules: [
                "ln_1": "attn_norm", "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up",
                "mlp.c_proj": "ffn_down",
            ],
            epsilon: (file: "attention.layer_norm_epsilon", configuration: "layer_norm_epsilon"),
            turned: ["attn_qkv", "attn_output", "ffn_up", "ffn_down"], learnsPositions: true,
            sizeKeys: [
                "hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head", "intermediate_size": "n_inner",
                "max_position_embeddings": "n_positions",
            ], writesScaling: false, activation: (key: "activation_function", word: "gelu_new")),
        "gpt_neox": GGUFForm(
            name: "gptneox", hasThirds: true, writesHeadWidth: false, layers: "gpt_neox.layers",
            outer: ["gpt_neox.embed_in": "token_embd", "gpt_neox.final_layer_norm": "output_norm", "embed_out": "output"],
            modules: [
                "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "attention.query_key_value": "attn_qkv",
                "attention.dense": "attn_output", "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down",
            ],
            epsilon: layerNormEpsilon,
            keys: [Key(file: "use_parallel_residual", configuration: "use_parallel_residual", value: .flag, standard: 1)],
            biasKey: "attention_bias", activation: (key: "hidden_act", word: "gelu")),
    ]

    /// The name that a tensor of a file has in checkpoints; nil for one that the family does not
    /// have.
    func checkpointName(_ name: String, layers: Int) -> String? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2, let module = outer.first(where: { $0.value == parts[0] })?.key { return module + "." + parts[1] }
        guard parts.count >= 4, parts[0] == "blk", let layer = Int(parts[1]), String(layer) == parts[1], (0..<layers).contains(layer),
            let kind = parts.last
        else { return nil }
        let title = parts[2..<(parts.count - 1)].joined(separator: ".")
        if kind == "weight", let tensor = bare.first(where: { $0.value == title })?.key {
            return "\(self.layers).\(layer).\(tensor)"
        }
        guard let module = modules.first(where: { $0.value == title })?.key
        else { return nil }
        return "\(self.layers).\(layer).\(module).\(kind)"
    }

    /// A tensor of an expert as checkpoints have it: which tensor of a file holds it, and which
    /// expert's it is; nil for others.
    func expert(_ name: String) -> (file: String, expert: Int)? {
        guard let experts, name.hasPrefix(layers + ".") else { return nil }
        let parts = name.dropFirst(layers.count + 1).split(separator: ".").map(String.init)
        let depth = experts.prefix.split(separator: ".").count
        guard parts.count == depth + 4, parts[1...depth].joined(separator: ".") == experts.prefix, let layer = Int(parts[0]),
            let expert = Int(parts[depth + 1]), let module = experts.modules[parts[depth + 2]], experts.kinds.contains(parts[depth + 3])
        else { return nil }
        return ("blk.\(layer).\(module).\(parts[depth + 3])", expert)
    }

    /// The names that the tensors of experts in a tensor of a file have in checkpoints; nil for
    /// other tensors.
    func expertNames(_ name: String, layers: Int, count: Int) -> [String]? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard let experts, parts.count == 4, parts[0] == "blk", experts.kinds.contains(parts[3]), let layer = Int(parts[1]),
            String(layer) == parts[1], (0..<layers).contains(layer),
            let module = experts.modules.first(where: { $0.value == parts[2] })?.key
        else { return nil }
        return (0..<count).map { "\(self.layers).\(layer).\(experts.prefix).\($0).\(module).\(parts[3])" }
    }

    /// The name that a tensor of a checkpoint has in files; nil for one that the family does not
    /// have.
    func fileName(_ name: String) -> String? {
        if let expert = expert(name) { return expert.file }
        if let bare = bareName(name) { return bare }
        var parts = name.split(separator: ".").map(String.init)
        guard let kind = parts.popLast() else { return nil }
        if let outer = outer[parts.joined(separator: ".")] { return outer + "." + kind }
        let depth = layers.split(separator: ".").count
        guard name.hasPrefix(layers + "."), parts.count > depth + 1, let module = modules[parts.dropFirst(depth + 1).joined(separator: ".")]
        else { return nil }
        return "blk.\(parts[depth]).\(module).\(kind)"
    }

    /// The name in files of a tensor that checkpoints name without an ending; nil for others.
    func bareName(_ name: String) -> String? {
        guard name.hasPrefix(layers + ".") else { return nil }
        let parts = name.dropFirst(layers.count + 1).split(separator: ".").map(String.init)
        guard let layer = parts.first, let module = bare[parts.dropFirst().joined(separator: ".")] else { return nil }
        return "blk.\(layer).\(module).weight"
    }

    /// The `model_type` that a file of an architecture is read as: of several that llama.cpp does
    /// not tell apart the one with its name.
    static func modelType(of architecture: String) -> String? {
        let types = all.filter { $0.value.name == architecture }.map(\.key)
        return types.contains(architecture) ? architecture : types.first
    }
}
