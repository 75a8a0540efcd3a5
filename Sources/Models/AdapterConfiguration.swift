import Glibc
import JSON
import Manifest
import Storage
import Tokenization

/// What a LoRA adapter's `adapter_config.json` says, as PEFT (0.21) writes it, or mlx-lm.
///
/// A key that would make the adapter another function than low-rank matrices on linear layers is
/// refused by name, and so is a key that is not known and says anything.
struct AdapterConfiguration {
    /// Which modules have an adapter.
    enum Targets {
        case allLinear
        /// Ends of names, or whole names.
        case names([String])
        /// An expression that the whole name matches.
        case pattern(String)
        /// The file does not say: those of which there are matrices.
        case stored
    }
    let path: String
    let rank: Int
    let alpha: Double
    let usesRankStabilisedScaling: Bool
    let rankExceptions: [AdapterSettings.Exception]
    let alphaExceptions: [AdapterSettings.Exception]
    let targets: Targets
    let initialisation: Manifest.LoRA.Initialisation
    /// DoRA.
    let usesMagnitudes: Bool
    let bias: Manifest.LoRA.Bias
    /// Modules that are stored whole, without a classifier's head.
    let savedModules: [String]
    /// Whether a head that is the embedding stays it where either is saved.
    let keepsTies: Bool
    private let excluded: Targets?
    private let layers: Set<Int>?
    private let layersNames: [String]
    /// Written by mlx-lm: the matrices are transposed, and their names are shorter.
    let isOfMLX: Bool
    /// Of a model with a head for classes, which is stored beside the matrices.
    let isClassifier: Bool
    /// What transformers calls such a head.
    static let headNames = ["score", "classifier"]

    /// - Throws: ``ModelError`` naming the key.
    init(folder: String) throws(ModelError) {
        let path = folder + "/adapter_config.json"
        let text: [UInt8]
        do throws(StorageError) { text = try DurableFiles.read(path, limit: 1 << 20) } catch {
            throw ModelError(
                file: path, errorNumber: error.errorNumber,
                error.isMissing ? "is missing: an adapter's folder holds adapter_config.json and adapter_model.safetensors" : "\(error)")
        }
        if let standIn = FileStandIn.description(of: text) { throw ModelError(file: path, standIn) }
        let node: JSONNode
        do throws(JSONError) { node = try JSONParser().parse(text) } catch { throw ModelError(file: path, "\(error)") }
        try self.init(node, path)
    }

    init(_ node: JSONNode, _ path: String) throws(ModelError) {
        func failure(_ key: String, _ message: String) -> ModelError { ModelError(file: path, field: key, message) }
        self.path = path
        guard node.object != nil else { throw ModelError(file: path, "is \(node.kindName), not an object") }
        isOfMLX = node["peft_type"] == nil && (node["lora_parameters"] != nil || node["fine_tune_type"] != nil)
        if isOfMLX {
            let parameters = node["lora_parameters"] ?? node
            if let type = node["fine_tune_type"]?.string, type != "lora" {
                throw failure("fine_tune_type", "is \(type); only lora is read")
            }
            rank = try Self.rank(parameters["rank"], "lora_parameters.rank", path)
            guard let scale = (parameters["scale"] ?? parameters["alpha"])?.double, abs(scale) <= 1e6 else {
                throw failure("lora_parameters.scale", "is not a number of usual size")
            }
            // The factor of `x A B` itself, and as an alpha where it is called so.
            alpha = parameters["scale"] == nil ? scale : scale * Double(rank)
            usesRankStabilisedScaling = false
            isClassifier = false
            (rankExceptions, alphaExceptions, targets, excluded, layers, layersNames) = ([], [], .stored, nil, nil, [])
            (initialisation, usesMagnitudes, bias, savedModules, keepsTies) = (.standard, false, .none, [], false)
            return
        }
        guard node["peft_type"]?.string == "LORA" else {
            throw failure("peft_type", "is \(node["peft_type"]?.string ?? "missing"); only LORA adapters are read")
        }
        isClassifier = node["task_type"]?.string == "SEQ_CLS"
        try Self.refuseOtherFunctions(node, path)
        let word = node["bias"]?.string ?? "none"
        guard let bias = Manifest.LoRA.Bias(rawValue: word) else {
            throw failure("bias", "is \(word); it may be none, all or lora_only")
        }
        self.bias = bias
        // What the others began with is in their matrices.
        initialisation = Self.changing[node["init_lora_weights"]?.string?.lowercased() ?? ""] ?? .standard
        usesMagnitudes = node["use_dora"]?.bool ?? false
        savedModules = try Self.savedModules(node, path)
        keepsTies = node["ensure_weight_tying"]?.bool ?? false
        rank = try Self.rank(node["r"], "r", path)
        guard let alpha = node["lora_alpha"]?.double, abs(alpha) <= 1e6 else {
            throw failure("lora_alpha", "is not a number of usual size")
        }
        self.alpha = alpha
        usesRankStabilisedScaling = node["use_rslora"]?.bool ?? false
        rankExceptions = try Self.exceptions(node, "rank_pattern", path) { (try? Self.rank($0, "", "")).map(Double.init) }
        alphaExceptions = try Self.exceptions(node, "alpha_pattern", path) { $0.double }
        guard let targets = try Self.targets(node, "target_modules", path) else { throw failure("target_modules", "is empty") }
        self.targets = targets
        if case .stored? = try Self.targets(node, "exclude_modules", path) {
            excluded = nil
        } else {
            excluded = try Self.targets(node, "exclude_modules", path)
        }
        switch node["layers_to_transform"]?.value {
        case nil, .null: layers = nil
        case .integer(let layer): layers = [layer]
        case .array(let elements) where elements.allSatisfy({ $0.integer != nil }):
            layers = elements.isEmpty ? nil : Set(elements.compactMap(\.integer))
        default: throw failure("layers_to_transform", "is not a list of layers' numbers")
        }
        let names = node["layers_pattern"]
        layersNames = names?.string.map { [$0] } ?? names?.array?.compactMap(\.string) ?? []
        if let odd = layersNames.first(where: { !$0.utf8.allSatisfy { $0 == UInt8(ascii: "_") || Character(UnicodeScalar($0)).isLetter } })
        {
            throw failure("layers_pattern", "\"\(odd)\" is not a plain name, which is all that is understood")
        }
    }

    /// Whether a module with this name is to have an adapter, by PEFT's rules; nil where the file
    /// leaves it to the matrices.
    func isTarget(_ name: String) -> Bool? {
        if isExcluded(name) { return false }
        switch targets {
        case .stored: return nil
        case .pattern(let expression): return NamePattern(expression)?.matches(name)
        case .allLinear: return true
        case .names:
            guard Self.matches(targets, name) else { return false }
            guard let layers else { return true }
            return LinearModule.layer(of: name, below: layersNames).map(layers.contains) ?? false
        }
    }

    var meansAllLinear: Bool { if case .allLinear = targets { true } else { false } }

    func isExcluded(_ name: String) -> Bool { excluded.map { Self.matches($0, name) } ?? false }

    private static func matches(_ targets: Targets, _ name: String) -> Bool {
        switch targets {
        case .allLinear: true
        case .stored: false
        case .pattern(let expression): NamePattern(expression)?.matches(name) ?? false
        case .names(let ends): ends.contains { name == $0 || name.hasSuffix("." + $0) }
        }
    }

    private static func savedModules(_ node: JSONNode, _ path: String) throws(ModelError) -> [String] {
        guard let value = node["modules_to_save"], !value.isNull else { return [] }
        guard let names = value.array?.compactMap(\.string), names.count == value.array?.count, !names.contains("") else {
            throw ModelError(file: path, field: "modules_to_save", "is no list of modules' names")
        }
        // PEFT names both heads that a classifier may have; one that the model lacks does nothing.
        return node["task_type"]?.string == "SEQ_CLS" ? names.filter { !headNames.contains($0) } : names
    }

    private static func rank(_ node: JSONNode?, _ key: String, _ path: String) throws(ModelError) -> Int {
        guard let rank = node?.integer, (1...4096).contains(rank) else {
            throw ModelError(file: path, field: key, "is not a whole number from 1 to 4096")
        }
        return rank
    }

    private static func exceptions(_ node: JSONNode, _ key: String, _ path: String, _ number: (JSONNode) -> Double?) throws(ModelError)
        -> [AdapterSettings.Exception]
    {
        guard let value = node[key], !value.isNull else { return [] }
        guard let members = value.object else { throw ModelError(file: path, field: key, "is \(value.kindName), not an object") }
        var exceptions: [AdapterSettings.Exception] = []
        for member in members {
            guard let number = number(member.node), abs(number) <= 1e6 else {
                throw ModelError(file: path, field: key, "holds no usable number for \"\(member.key)\"")
            }
            let exception = AdapterSettings.Exception(member.key, number)
            guard exception.pattern != nil else {
                throw ModelError(file: path, field: key, "\"\(member.key)\" is an expression that is not understood")
            }
            exceptions.append(exception)
        }
        return exceptions
    }

    /// Nil for an empty list.
    private static func targets(_ node: JSONNode, _ key: String, _ path: String) throws(ModelError) -> Targets? {
        guard let value = node[key], !value.isNull else { return .stored }
        if let text = value.string {
            if text.lowercased() == "all-linear" { return .allLinear }
            // What is not understood is left to the matrices, which say the same.
            return NamePattern(text) == nil ? .stored : .pattern(text)
        }
        guard let elements = value.array, elements.allSatisfy({ $0.string != nil }) else {
            throw ModelError(file: path, field: key, "is \(value.kindName), neither a text nor a list of texts")
        }
        return elements.isEmpty ? nil : .names(elements.compactMap(\.string))
    }

    // MARK: Keys

    /// Keys with a meaning here, and keys that say nothing about the function of an adapter whose
    /// matrices are stored.
    private static let known: Set<String> = [
        "peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "rank_pattern", "alpha_pattern", "target_modules", "exclude_modules",
        "layers_to_transform", "layers_pattern", "lora_dropout", "task_type", "base_model_name_or_path", "revision", "inference_mode",
        "auto_mapping", "peft_version", "fan_in_fan_out", "megatron_core", "runtime_config", "qalora_group_size", "loftq_config",
        "eva_config", "corda_config", "lora_ga_config", "ensure_weight_tying", "init_lora_weights", "bias", "modules_to_save", "tags",
        "license",
        "library_name", "transformers_version", "model_type",
    ]
    /// Values that switch something off, whatever it is.
    private static func saysNothing(_ node: JSONNode) -> Bool {
        switch node.value {
        case .null, .bool(false): true
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        case .string(let text): text.isEmpty
        default: false
        }
    }

    /// Beginnings that change the base, and can be made again from it.
    private static let changing: [String: Manifest.LoRA.Initialisation] = ["pissa": .pissa, "olora": .olora]

    private static func refuseOtherFunctions(_ node: JSONNode, _ path: String) throws(ModelError) {
        func failure(_ key: String, _ message: String) -> ModelError { ModelError(file: path, field: key, message) }
        for member in node.object ?? [] where !known.contains(member.key) && !saysNothing(member.node) {
            switch member.key {
            case "lora_bias", "use_qalora", "layer_replication", "target_parameters", "trainable_token_indices",
                "alora_invocation_tokens", "use_bdlora", "arrow_config", "kasa_config", "velora_config", "monteclora_config",
                "megatron_config":
                throw failure(member.key, "makes the adapter more than low-rank matrices on linear layers, which is not supported")
            default:
                throw failure(
                    member.key,
                    "is not known, so what it does to the model cannot be done: remove it if it does nothing, or merge the "
                        + "adapter with the tool that made it")
            }
        }
        if let type = node["task_type"]?.string, !["CAUSAL_LM", "FEATURE_EXTRACTION", "SEQ_CLS"].contains(type) {
            throw failure("task_type", "is \(type), neither CAUSAL_LM nor SEQ_CLS")
        }
        // These change the base's weights when the adapter is loaded.
        if let words = node["init_lora_weights"]?.string {
            let word = words.lowercased()
            if node["use_dora"]?.bool == true, changing[word] != nil {
                throw failure("init_lora_weights", "is \(words) beside use_dora, which is not supported")
            }
            if changing[word] == nil, ["pissa", "olora", "corda", "loftq", "lora_ga"].contains(where: word.hasPrefix) {
                throw failure(
                    "init_lora_weights",
                    "is \(words), which changes the base model's weights by what cannot be computed again: save the adapter with PEFT's "
                        + "path_initial_model_for_weight_conversion, which makes a plain one of it")
            }
        }
    }
}
