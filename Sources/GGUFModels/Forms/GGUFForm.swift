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
        /// Where newer versions of transformers have it; empty: where it always was.
        var newer: [String] = []

        static func slidingWindow(standard: Double) -> Key {
            Key(file: "attention.sliding_window", configuration: "sliding_window", value: .count, standard: standard)
        }
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
        /// How many there are, and how many of them a token has.
        var keys: [Key] {
            [
                Key(file: "expert_count", configuration: countKey, value: .count),
                Key(file: "expert_used_count", configuration: "num_experts_per_tok", value: .count),
            ]
        }

        /// Modules with Llama's names.
        static let modules = ["gate_proj": "ffn_gate_exps", "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps"]
    }
    /// Where config.json has the share of a head that is rotated.
    struct RotaryShare {
        var key = "partial_rotary_factor"
        /// Whether it has to say so of heads that are rotated whole.
        var saysWhole = true
    }
    /// The architecture's name in llama.cpp.
    var name: String
    var interleavesHeads = false
    var addsOneToNorms = false
    /// Queries, keys and values lie head by head in one matrix, and go into the file as thirds.
    var hasThirds = false
    var writesVocabulary = false
    var writesHeadWidth = true
    /// Columns of a head where config.json does not say it; nil: heads together are as wide as the
    /// model.
    var usualHeadWidth: Int?
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
    /// Whether llama.cpp reads divisors of the rotations' frequencies (Llama 3's scaling).
    var readsDivisors = false
    /// Whether rotations may have a factor for each column (LongRoPE): files then say for how many
    /// positions the model was trained at first, and by what scores are scaled.
    var mayUseLongrope = false
    /// What config.json calls the number by which LongRoPE's scores are scaled.
    var scoreFactorKeys = ["attention_factor"]
    /// Nil: heads are rotated whole.
    var rotaryShare: RotaryShare?
    /// What config.json calls the base of the rotations' frequencies.
    var rotaryBaseKey = "rope_theta"
    /// The base where nothing says it.
    var usualRotaryBase = 1e4
    /// Whether files say it where it is the usual one.
    var writesRotaryBase = true
    /// The key that says whether queries, keys and values have a bias; nil where that never
    /// changes.
    var biasKey: String?
    /// Flags of config.json that must not be set, for biases that llama.cpp does not read.
    var refusedBiases: [String] = []
    /// Flags that must be set, for biases that it demands, and what they mean where config.json
    /// says nothing.
    var demandedBiases: [String: Bool] = [:]
    /// Whether files hold the head even where it is the embedding.
    var repeatsTiedHead = false
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
    static func standard(with others: [String: String]) -> [String: String] {
        standard.filter { module in !others.values.contains(module.value) }.merging(others) { $1 }
    }

    /// The keys of an epsilon of norms that take a mean away.
    static func layerNormEpsilon(_ configuration: String) -> (file: String, configuration: String) {
        (file: "attention.layer_norm_epsilon", configuration: configuration)
    }

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
}
