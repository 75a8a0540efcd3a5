import Graph
import JSON
import Testing

@testable import Models

/// What families make of a config.json: names, initial values, windows, and what they refuse.
@Suite struct FamilyTests {
    static func members(_ type: String, _ more: [JSONMember] = []) -> JSONNode {
        let keys = ModelFamilies.family(for: type)?.sizeKeys ?? SizeKeys()
        let standard = [
            JSONMember("model_type", JSONNode(type)), JSONMember(keys.hiddenSize, 32), JSONMember(keys.layerCount, 4),
            JSONMember(keys.headCount, 4), JSONMember("intermediate_size", 48), JSONMember("vocab_size", 160),
        ]
        return JSONNode(standard.filter { member in !more.contains { $0.key == member.key } } + more)
    }

    static func model(_ type: String, _ more: [JSONMember] = []) throws -> LanguageModel {
        try LanguageModel(
            ModelConfiguration(json: members(type, more)), source: .random(seed: 1), training: .nothing, maximumLength: 8)
    }

    static func declaration(_ name: String, _ model: LanguageModel) throws -> ModelBuilder.WeightDeclaration {
        try #require(model.declarations.first { $0.name == name }, "\(name) is not among the weights")
    }

    @Test(arguments: ModelFamilies.modelTypes) func everyFamilyBuildsFromTheSizesAloneAndNamesEachWeightOnce(type: String) throws {
        let model = try Self.model(type)
        let names = model.declarations.map(\.name)
        #expect(Set(names).count == names.count)
        let family = try #require(model.configuration.family?.family)
        #expect(names.first == family.names.embedding)
        #expect(names.contains(family.names.finalNorm + ".weight"))
        #expect(names.contains(family.names.head) != model.configuration.tiesEmbeddings)
        #expect(
            model.configuration.isSliding.count == 4
                && (model.configuration.slidingWindow != nil) == model.configuration.isSliding.contains(true))
    }

    @Test func normsBeginAtTheIdentityBiasesAtZeroAndWhatWritesTheResidualStreamSmaller() throws {
        let small = InitialValues.normal(deviation: 0.02 / 8.0.squareRoot())
        let llama = try Self.model("llama")
        #expect(try Self.declaration("model.layers.0.input_layernorm.weight", llama).initial == .constant(1))
        #expect(try Self.declaration("model.layers.0.self_attn.q_proj.weight", llama).initial == .normal(deviation: 0.02))
        #expect(try Self.declaration("model.layers.0.self_attn.o_proj.weight", llama).initial == small)
        #expect(try Self.declaration("model.layers.0.mlp.down_proj.weight", llama).initial == small)
        let gemma = try Self.model("gemma2")
        #expect(try Self.declaration("model.layers.0.input_layernorm.weight", gemma).initial == .constant(0))
        #expect(try Self.declaration("model.layers.0.mlp.down_proj.weight", gemma).initial == small)
        let coder = try Self.model("starcoder2")
        #expect(try Self.declaration("model.norm.weight", coder).initial == .constant(1))
        #expect(try Self.declaration("model.norm.bias", coder).initial == .constant(0))
        #expect(try Self.declaration("model.layers.0.self_attn.k_proj.bias", coder).initial == .constant(0))
        #expect(try Self.declaration("model.layers.0.mlp.c_proj.weight", coder).initial == small)
    }

    @Test func eachFamilyReadsItsOwnKeysAndNoOthers() throws {
        // RMS norm's epsilon is nothing that a model with layer norms knows.
        #expect(try ModelConfiguration(json: Self.members("starcoder2", [JSONMember("rms_norm_eps", "none")])).hiddenSize == 32)
        let smol = try Self.model("smollm3").configuration.family?.family as? SmolLM3Family
        #expect(smol?.rotates == [true, true, true, false])
        let gemma = try ModelConfiguration(json: Self.members("gemma3_text", [JSONMember("sliding_window_pattern", 2)]))
        #expect(
            gemma.isSliding == [true, false, true, false] && gemma.rotaryTables.map(\.key) == ["constant/rotary", "constant/rotary.local"])
        #expect(gemma.rotaryTables.map(\.settings.base) == [1e6, 10_000])
        let pythia = try ModelConfiguration(json: Self.members("gpt_neox", [JSONMember("rotary_pct", 0.5)]))
        #expect(pythia.rotaryTables.first?.settings.width == 4)
    }

    @Test(
        arguments: [
            ("starcoder2", "norm_epsilon", JSONNode(-1)), ("starcoder2", "hidden_act", JSONNode("relu6")),
            ("granite", "residual_multiplier", JSONNode(0)), ("granite", "logits_scaling", JSONNode("two")),
            ("smollm3", "no_rope_layers", JSONNode([JSONNode(1)])), ("smollm3", "no_rope_layers", JSONNode((0..<4).map { JSONNode($0) })),
            ("gemma3_text", "use_bidirectional_attention", JSONNode(true)), ("gemma3_text", "rope_local_base_freq", JSONNode(-1)),
            ("gpt_neox", "rotary_emb_base", JSONNode(0)), ("gpt_neox", "num_key_value_heads", JSONNode(2)),
            ("gpt_neox", "layer_norm_eps", JSONNode(2)), ("glm4", "intermediate_size", JSONNode(0)),
            ("olmo2", "rms_norm_eps", JSONNode(-1)),
        ] as [(String, String, JSONNode)])
    func aKeyThatMakesNoSenseIsRefusedByName(type: String, key: String, value: JSONNode) {
        #expect { try ModelConfiguration(json: Self.members(type, [JSONMember(key, value)])) } throws: { ($0 as? ModelError)?.field == key }
    }

    @Test func aModelOfLearnedPositionsRefusesExamplesThatAreLongerThanTheyGo() throws {
        let configuration = try ModelConfiguration(json: Self.members("gpt2", [JSONMember("n_positions", 8)]))
        #expect(configuration.learnedPositionCount == 8)
        _ = try LanguageModel(configuration, source: .random(seed: 1), training: .nothing, maximumLength: 8)
        #expect(throws: ModelError.self) {
            try LanguageModel(configuration, source: .random(seed: 1), training: .nothing, maximumLength: 9)
        }
    }
}
