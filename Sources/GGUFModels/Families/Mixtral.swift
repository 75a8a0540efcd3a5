/// Mixtral, whose files have Llama's name and experts.
struct MixtralFiles: GGUFFamily {
    static let modelType = "mixtral"
    static let className = "MixtralForCausalLM"
    static let experts = GGUFForm.Experts(
        prefix: "block_sparse_moe.experts", modules: ["w1": "ffn_gate_exps", "w3": "ffn_up_exps", "w2": "ffn_down_exps"],
        countKey: "num_local_experts", widthKey: "intermediate_size")
    static let form = GGUFForm(
        name: "llama", interleavesHeads: true, writesVocabulary: true,
        modules: GGUFForm.standard(with: ["block_sparse_moe.gate": "ffn_gate_inp"]), keys: experts.keys, experts: experts,
        readsDivisors: true, usualRotaryBase: 1e6)

    static func remarks(writing configuration: GGUFConfiguration) -> [String] { configuration.remarkOnWindow }

    static func isMeant(by metadata: GGUFMetadata) throws(GGUFFault) -> Bool {
        (try metadata.integer("llama.expert_count", in: 0...(1 << 20)) ?? 0) > 0
    }
}
