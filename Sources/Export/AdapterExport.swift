import Graph
package import JSON
import Manifest
package import Models
import Storage

/// A PEFT adapter's configuration: the fields that every version of PEFT reads, and no others.
package enum AdapterExport {
    /// - Parameter isPlain: whether the files hold a ``PlainAdapter``, as a result does; else what
    ///   is trained, as a checkpoint has it.
    package static func configuration(_ model: LanguageModel, baseName: String, isPlain: Bool = true) -> JSONNode {
        guard case .adapter(var settings, _) = model.training else { return JSONNode([JSONMember]()) }
        if isPlain { settings = settings.plain }
        let (targets, layers) = targets(model)
        let saved = model.savedNames(settings) + (model.head.map { [$0.name] } ?? [])
        let configuration: JSONNode = [
            "peft_type": "LORA", "task_type": JSONNode(model.head == nil ? "CAUSAL_LM" : "SEQ_CLS"),
            "base_model_name_or_path": JSONNode(baseName), "r": JSONNode(settings.rank),
            "lora_alpha": number(settings.alpha),
            "lora_dropout": JSONNode(settings.dropout), "bias": JSONNode(settings.bias.rawValue),
            "target_modules": JSONNode(targets.map { JSONNode($0) }),
            "fan_in_fan_out": JSONNode(model.adapters.contains { $0.module.isTransposed && !$0.module.isEmbedding }),
            "use_rslora": JSONNode(settings.usesRankStabilisedScaling),
            "modules_to_save": saved.isEmpty ? nil : JSONNode(saved.map { JSONNode($0) }),
            "inference_mode": true,
        ]
        var members = configuration.object ?? []
        if let layers { members.append(JSONMember("layers_to_transform", JSONNode(layers.map { JSONNode($0) }))) }
        if settings.initialisation.changesBase {
            members.append(JSONMember("init_lora_weights", settings.initialisation.word))
        }
        if model.keptTie != nil { members.append(JSONMember("ensure_weight_tying", true)) }
        if settings.usesMagnitudes { members.append(JSONMember("use_dora", true)) }
        if !settings.rankExceptions.isEmpty {
            let ranks = settings.rankExceptions.map { JSONMember($0.expression, JSONNode(Int($0.value))) }
            members.append(JSONMember("rank_pattern", JSONNode(ranks)))
        }
        if !settings.alphaExceptions.isEmpty {
            members.append(
                JSONMember("alpha_pattern", JSONNode(settings.alphaExceptions.map { JSONMember($0.expression, number($0.value)) })))
        }
        return JSONNode(members)
    }

    /// The shortest words for the modules with an adapter: short names where every layer of such a
    /// name has one, or every one in some layers; else full paths.
    private static func targets(_ model: LanguageModel) -> (names: [String], layers: [Int]?) {
        let names = Set(model.adapters.map(\.module.shortName))
        let named = model.linearModules.filter { names.contains($0.shortName) }
        if named.count == model.adapters.count { return (names.sorted(), nil) }
        let layers = Set(model.adapters.map(\.module.layer))
        if !layers.contains(nil), named.filter({ layers.contains($0.layer) }).count == model.adapters.count {
            return (names.sorted(), layers.compactMap { $0 }.sorted())
        }
        return (model.adapters.map(\.module.name), nil)
    }

    private static func number(_ value: Double) -> JSONNode { value == value.rounded() ? JSONNode(Int(value)) : JSONNode(value) }

    /// Writes `adapter_config.json` into a folder that holds the adapter's tensors.
    package static func writeConfiguration(_ model: LanguageModel, baseName: String, isPlain: Bool, to folder: String) throws {
        let bytes = JSONWriter(isIndented: true).bytes(configuration(model, baseName: baseName, isPlain: isPlain))
        try bytes.withUnsafeBufferPointer { try DurableFiles.write(UnsafeRawBufferPointer($0), toNew: folder + "/adapter_config.json") }
    }
}
