import Graph
package import JSON
package import Models
import Storage

/// A PEFT adapter's configuration: the fields that every version of PEFT reads, and no others.
package enum AdapterExport {
    package static func configuration(_ model: LanguageModel, baseName: String) -> JSONNode {
        guard case .adapter(let settings, _) = model.training else { return JSONNode([JSONMember]()) }
        let names = Set(model.adapters.map(\.module.shortName))
        // Short names say it all where every layer of that name has an adapter; else the full paths
        // do.
        let isUniform = names.allSatisfy { name in
            model.linearModules.filter { $0.shortName == name }.count == model.adapters.filter { $0.module.shortName == name }.count
        }
        let targets = isUniform ? names.sorted() : model.adapters.map(\.module.name)
        let configuration: JSONNode = [
            "peft_type": "LORA", "task_type": JSONNode(model.head == nil ? "CAUSAL_LM" : "SEQ_CLS"),
            "base_model_name_or_path": JSONNode(baseName), "r": JSONNode(settings.rank),
            "lora_alpha": number(settings.alpha),
            "lora_dropout": JSONNode(settings.dropout), "bias": "none", "target_modules": JSONNode(targets.map { JSONNode($0) }),
            "fan_in_fan_out": JSONNode(model.adapters.contains { $0.module.isTransposed }),
            "use_rslora": JSONNode(settings.usesRankStabilisedScaling), "modules_to_save": model.head.map { [JSONNode($0.name)] } ?? nil,
            "inference_mode": true,
        ]
        var members = configuration.object ?? []
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

    private static func number(_ value: Double) -> JSONNode { value == value.rounded() ? JSONNode(Int(value)) : JSONNode(value) }

    /// Writes `adapter_config.json` into a folder that holds the adapter's tensors.
    package static func writeConfiguration(_ model: LanguageModel, baseName: String, to folder: String) throws {
        let bytes = JSONWriter(isIndented: true).bytes(configuration(model, baseName: baseName))
        try bytes.withUnsafeBufferPointer { try DurableFiles.write(UnsafeRawBufferPointer($0), toNew: folder + "/adapter_config.json") }
    }
}
