import Graph
import Tensors

/// Mixtral (Jiang et al. 2024, arXiv:2401.04088): Mistral's layers with a few wide experts.
struct MixtralFamily: ModelFamily {
    static let modelType = "mixtral"
    let layer: StandardLayer
    var norm: NormSettings { layer.norm }

    /// As checkpoints have them, and as transformers 5 holds them.
    static let names = MixtureOfExperts.Names(
        router: "block_sparse_moe.gate", experts: "block_sparse_moe.experts", gate: "w1", up: "w3", down: "w2")
    static let heldNames = MixtureOfExperts.Names()

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        var layer = try StandardLayer(reader)
        var experts = try MixtureOfExperts(
            reader, countKeys: ["num_local_experts"], widthKey: "intermediate_size", activation: layer.activation, weighting: .overChosen,
            usual: (8, 2, nil))
        experts.names = Self.names
        layer.experts = experts
        model.routerLoss = try reader.routerLoss(chosenCount: experts.chosenCount, usual: 0.001)
        if let noise = try reader.number("router_jitter_noise"), noise != 0 {
            throw reader.failure("router_jitter_noise", "is \(noise): noise on what routers see is not supported, set it to 0")
        }
        self.layer = layer
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model, defaultBase: 1e6))]
        model.slideEverywhere(try reader.optionalCount("sliding_window", limit: 1 << 28))
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try layer.add(index, hidden, to: &builder)
    }

    func separated(_ weights: Checkpoint, of model: ModelConfiguration) -> Checkpoint {
        layer.experts?.separated(weights, layers: model.layerCount, hiddenSize: model.hiddenSize, held: Self.heldNames) ?? weights
    }
}
