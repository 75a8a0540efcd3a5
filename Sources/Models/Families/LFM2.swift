import Graph
import JSON
import Tensors

/// LFM2 (Liquid AI 2025, arXiv:2511.23404): most layers mix neighbouring tokens by a gated
/// convolution with a few taps, the others by attention with norms on the queries and keys of each
/// head.
struct LFM2Family: ModelFamily {
    static let modelType = "lfm2"
    static let tiesEmbeddingsByDefault = true
    let norm: NormSettings
    let intermediateSize: Int
    let tapCount: Int
    let hasBias: Bool
    var names: ModelNames { ModelNames(finalNorm: "model.embedding_norm") }

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        norm = NormSettings(kind: .rootMeanSquare(weightOffset: 0), epsilon: try reader.epsilon("norm_eps", default: 1e-5))
        tapCount = try reader.optionalCount("conv_L_cache", limit: ShortConvolution.tapLimit) ?? 3
        hasBias = try reader.flag("conv_bias") ?? false
        intermediateSize = try Self.intermediateSize(reader)
        model.convolutionLayers = try Self.convolutionLayers(reader, count: model.layerCount)
        if let ties = try reader.flag("tie_embedding"), reader.value("tie_word_embeddings") == nil { model.tiesEmbeddings = ties }
        model.rotaryTables = [RotaryTable(try reader.rotary(for: model, defaultBase: 1e6))]
    }

    /// Columns of the feed-forward layer, which config.json gives before two thirds of it are
    /// taken.
    private static func intermediateSize(_ reader: ConfigurationReader) throws(ModelError) -> Int {
        let older = try reader.optionalCount("block_ff_dim", limit: 1 << 20)
        let newer = try reader.optionalCount("intermediate_size", limit: 1 << 20)
        guard var size = older ?? newer else { throw reader.failure("intermediate_size", "is missing") }
        guard try reader.flag("block_auto_adjust_ff_dim") ?? true else { return size }
        size = 2 * size / 3
        if let multiplier = try reader.positive("block_ffn_dim_multiplier") {
            guard multiplier < 100 else { throw reader.failure("block_ffn_dim_multiplier", "\(multiplier) is out of range") }
            size = Int(multiplier * Double(size))
        }
        let multiple = try reader.optionalCount("block_multiple_of", limit: 1 << 16) ?? 256
        return max(1, (size + multiple - 1) / multiple) * multiple
    }

    /// The layers without attention.
    private static func convolutionLayers(_ reader: ConfigurationReader, count: Int) throws(ModelError) -> Set<Int> {
        if reader.value("full_attn_idxs") != nil {
            return Set(0..<count).subtracting(try reader.numbers("full_attn_idxs", below: count))
        }
        // transformers (5.24) gives every layer attention where nothing is said.
        guard let types = reader.value("layer_types")?.array else { return [] }
        return Set(types.enumerated().filter { $0.element.string == "conv" }.map(\.offset).filter { $0 < count })
    }

    private func convolutionName(_ layer: Int) -> String { "model.layers.\(layer).conv.conv.weight" }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        let prefix = "model.layers.\(index)."
        let x = try builder.norm(prefix + "operator_norm", hidden, norm)
        let h: ValueID
        if builder.configuration.convolutionLayers.contains(index) {
            h = try addConvolution(index, prefix + "conv.", x, addingTo: hidden, to: &builder)
        } else {
            h = try addAttention(index, prefix + "self_attn.", x, addingTo: hidden, to: &builder)
        }
        let y = try builder.norm(prefix + "ffn_norm", h, norm)
        let gate = try builder.linear(prefix + "feed_forward.w1", y, outputs: intermediateSize)
        let up = try builder.linear(prefix + "feed_forward.w3", y, outputs: intermediateSize)
        return try builder.linear(
            prefix + "feed_forward.w2", builder.gated(gate, up, .silu), outputs: builder.configuration.hiddenSize, addingTo: h)
    }

    /// `out(C * convolution(B * x))` of three parts that a projection gives.
    private func addConvolution(
        _ index: Int, _ prefix: String, _ x: ValueID, addingTo hidden: ValueID, to builder: inout ModelBuilder
    ) throws(GraphError) -> ValueID {
        let hiddenSize = builder.configuration.hiddenSize
        let fused = try builder.linear(prefix + "in_proj", x, outputs: 3 * hiddenSize, hasBias: hasBias)
        let parts = try builder.split(fused, widths: [hiddenSize, hiddenSize, hiddenSize])
        let mixed = try builder.convolved(
            layer: index, prefix + "conv", builder.multiplied(parts[0], parts[2]), taps: tapCount, hasBias: hasBias)
        return try builder.linear(
            prefix + "out_proj", builder.multiplied(parts[1], mixed), outputs: hiddenSize, hasBias: hasBias, addingTo: hidden)
    }

    private func addAttention(
        _ index: Int, _ prefix: String, _ x: ValueID, addingTo hidden: ValueID, to builder: inout ModelBuilder
    ) throws(GraphError) -> ValueID {
        let configuration = builder.configuration
        let queries = try builder.linear(prefix + "q_proj", x, outputs: builder.queryColumns)
        let q = try builder.norm(prefix + "q_layernorm", queries, norm, groupCount: configuration.headCount)
        let keys = try builder.linear(prefix + "k_proj", x, outputs: builder.keyColumns)
        let k = try builder.norm(prefix + "k_layernorm", keys, norm, groupCount: configuration.keyValueHeadCount)
        let v = try builder.linear(prefix + "v_proj", x, outputs: builder.keyColumns)
        let o = try builder.attention(layer: index, q: builder.rotated(q), k: builder.rotated(k), v: v)
        return try builder.linear(prefix + "out_proj", o, outputs: configuration.hiddenSize, addingTo: hidden)
    }

    /// Taps of a convolution, which checkpoints have with an axis more.
    func joined(of model: ModelConfiguration) -> [JoinedTensor] {
        model.convolutionLayers.sorted().map { layer in
            let name = convolutionName(layer)
            let part = JoinedTensor.Part(
                name: name, shape: [model.hiddenSize, tapCount], first: 0, steps: TensorSteps(row: tapCount, column: 1))
            return JoinedTensor(name: name, shape: [model.hiddenSize, 1, tapCount], slices: [[part]])
        }
    }

    func separated(_ weights: Checkpoint, of model: ModelConfiguration) -> Checkpoint {
        var pieces: [String: StoredTensor] = [:]
        for tensor in joined(of: model) {
            guard let parts = weights.tensors[tensor.name].flatMap({ tensor.takenApart($0) }) else { continue }
            for part in parts { pieces[part.name] = part }
        }
        return pieces.isEmpty ? weights : weights.replacing(pieces)
    }
}
