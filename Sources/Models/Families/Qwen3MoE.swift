import Graph
import Tensors

/// Qwen 3's mixtures of experts (Yang et al. 2025, arXiv:2505.09388): its layers with many narrow
/// experts, but for those that config.json leaves dense.
struct Qwen3MoEFamily: ModelFamily {
    static let modelType = "qwen3_moe"
    static let readsLayerTypes = false
    let layer: StandardLayer
    var norm: NormSettings { layer.norm }

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        var layer = try StandardLayer(reader)
        try layer.readAttentionBias(reader)
        layer.normalisesHeads = true
        let divides = try reader.flag("norm_topk_prob") ?? false
        let experts = try MixtureOfExperts(
            reader, countKeys: ["num_experts", "num_local_experts"], widthKey: "moe_intermediate_size", activation: layer.activation,
            weighting: divides ? .overChosen : .overAll, usual: (128, 8, 768))
        layer.experts = experts
        model.routerLoss = try reader.routerLoss(chosenCount: experts.chosenCount, usual: 0.001)
        let step = try reader.optionalCount("decoder_sparse_step", limit: 1 << 10) ?? 1
        layer.denseLayers = try reader.numbers("mlp_only_layers", below: model.layerCount)
        for index in 0..<model.layerCount where (index + 1) % step != 0 { layer.denseLayers.insert(index) }
        self.layer = layer
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model))]
        // transformers has no layers of this family that do not slide where one does.
        if let window = try Qwen2Family.window(reader) { model.slideEverywhere(window) }
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try layer.add(index, hidden, to: &builder)
    }

    func separated(_ weights: Checkpoint, of model: ModelConfiguration) -> Checkpoint {
        layer.experts?.separated(weights, layers: model.layerCount, hiddenSize: model.hiddenSize, held: .init()) ?? weights
    }
}
