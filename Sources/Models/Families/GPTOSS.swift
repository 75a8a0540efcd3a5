import Graph
import JSON
import Tensors

/// GPT-OSS (OpenAI 2025, arXiv:2508.10925): every second layer slides, each head has a sink, and
/// experts have biases and a clamped gate. Checkpoints have all experts of a layer as one tensor,
/// turned, with the columns of gate and up in turns; published ones as MXFP4.
struct GPTOSSFamily: ModelFamily {
    static let modelType = "gpt_oss"
    static let usualHeadWidth: Int? = 64
    static let readableQuantizations: Set<String> = ["mxfp4"]
    let layer: StandardLayer
    var norm: NormSettings { layer.norm }

    /// transformers (5.24) has the factor in its program, and the limit too, whatever
    /// `swiglu_limit` says.
    private static let gate = ClampedGateShape(alpha: 1.702, limit: 7)

    init(_ reader: ConfigurationReader, _ model: inout ModelConfiguration) throws(ModelError) {
        var layer = try StandardLayer(reader)
        layer.hasInputBias = try reader.flag("attention_bias") ?? true
        layer.hasOutputBias = layer.hasInputBias
        layer.hasSinks = true
        if let limit = try reader.number("swiglu_limit"), limit != Double(Self.gate.limit) {
            throw reader.failure("swiglu_limit", "is \(limit), and models of this architecture are computed with \(Self.gate.limit)")
        }
        var experts = try MixtureOfExperts(
            reader, countKeys: ["num_local_experts"], widthKey: "intermediate_size", activation: layer.activation, weighting: .overChosen,
            usual: (128, 4, nil))
        experts.names.router = "mlp.router"
        experts.clampedGate = Self.gate
        experts.hasBias = true
        layer.experts = experts
        model.routerLoss = try reader.routerLoss(chosenCount: experts.chosenCount, usual: 0.9)
        self.layer = layer
        model.rotaryTables = [RotaryTable(try Self.withScaling(reader).rotary(for: model, defaultBase: 150_000))]
        model.slidingWindow = try reader.optionalCount("sliding_window", limit: 1 << 28) ?? 128
        for index in 0..<model.layerCount { model.isSliding[index] = index % 2 == 0 }
    }

    /// The configuration, with the scaling that transformers (5.24) takes where it names none.
    private static func withScaling(_ reader: ConfigurationReader) -> ConfigurationReader {
        if reader.value("rope_scaling") != nil || reader.value("rope_parameters") != nil { return reader }
        let usual: JSONNode = [
            "rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": false,
            "original_max_position_embeddings": 4096,
        ]
        let others = (reader.node.object ?? []).filter { $0.key != "rope_scaling" && $0.key != "rope_parameters" }
        return ConfigurationReader(node: JSONNode(others + [JSONMember("rope_scaling", usual)]), file: reader.file)
    }

    func addLayer(_ index: Int, _ hidden: ValueID, to builder: inout ModelBuilder) throws(GraphError) -> ValueID {
        try layer.add(index, hidden, to: &builder)
    }

    func joined(of model: ModelConfiguration) -> [JoinedTensor] {
        guard let experts = layer.experts else { return [] }
        return (0..<model.layerCount).flatMap { experts.interleaved("model.layers.\($0).", hiddenSize: model.hiddenSize) }
    }

    func separated(_ weights: Checkpoint, of model: ModelConfiguration) -> Checkpoint {
        var (pieces, whole): ([(tensor: StoredTensor, from: String)], Set<String>) = ([], [])
        for tensor in joined(of: model) {
            if let stored = weights.tensors[tensor.name], let parts = tensor.takenApart(stored) {
                whole.insert(tensor.name)
                pieces += parts.map { part in (tensor: part, from: tensor.name) }
            } else if let codes = weights.tensors[tensor.name + "_blocks"], let exponents = weights.tensors[tensor.name + "_scales"],
                let parts = tensor.takenApart(codes: codes, exponents: exponents)
            {
                // They stay, for results in which nothing of them has changed.
                pieces += parts.map { part in (tensor: part, from: tensor.name + "_blocks") }
            }
        }
        return pieces.isEmpty ? weights : weights.replacing(whole, by: pieces)
    }
}

extension MixtureOfExperts {
    /// The tensors in which GPT-OSS's checkpoints have a layer's experts: `gate_up_proj` `[experts,
    /// hidden, 2 * width]`, gate in its even columns, up in its odd ones, `down_proj` `[experts,
    /// width, hidden]`, and their biases.
    /// - Parameter prefix: of the layer's names.
    func interleaved(_ prefix: String, hiddenSize: Int) -> [JoinedTensor] {
        typealias Part = JoinedTensor.Part
        func slices(_ parts: (_ expert: String) -> [Part]) -> [[Part]] {
            (0..<expertCount).map { parts("\(prefix)\(names.experts).\($0).") }
        }
        let (both, halves) = ("\(prefix)\(names.experts).gate_up_proj", [names.gate, names.up])
        let down = "\(prefix)\(names.experts).down_proj"
        return [
            JoinedTensor(
                name: both, shape: [expertCount, hiddenSize, 2 * width],
                slices: slices { expert in
                    halves.enumerated().map { half, name in
                        Part(
                            name: expert + name + ".weight", shape: [width, hiddenSize], first: half,
                            steps: TensorSteps(row: 2, column: 2 * width))
                    }
                }),
            JoinedTensor(
                name: down, shape: [expertCount, width, hiddenSize],
                slices: slices {
                    [
                        Part(
                            name: $0 + names.down + ".weight", shape: [hiddenSize, width], first: 0,
                            steps: TensorSteps(row: 1, column: hiddenSize))
                    ]
                }),
            JoinedTensor(
                name: both + "_bias", shape: [expertCount, 2 * width],
                slices: slices { expert in
                    halves.enumerated().map { half, name in
                        Part(name: expert + name + ".bias", shape: [width], first: half, steps: TensorSteps(row: 0, column: 2))
                    }
                }),
            JoinedTensor(
                name: down + "_bias", shape: [expertCount, hiddenSize],
                slices: slices {
                    [Part(name: $0 + names.down + ".bias", shape: [hiddenSize], first: 0, steps: TensorSteps(row: 0, column: 1))]
                }),
        ]
    }
}
