import Glibc
import Graph
package import JSON
import Storage
package import Tensors

extension ModelConfiguration {
    /// Reads and checks the config.json of the model at a path.
    /// - Throws: ``ModelError`` naming the field.
    package init(folder: String) throws(ModelError) { try self.init(ModelFolders.open(folder)) }

    /// Reads and checks a model's config.json.
    /// - Throws: ``ModelError`` naming the field.
    package init(_ folder: any ModelFolder) throws(ModelError) {
        let path = folder.place(of: "config.json")
        let found: [UInt8]?
        do { found = try folder.text("config.json", limit: 16 << 20) } catch { throw ModelError(of: error, file: path) }
        guard let text = found else {
            throw ModelError(
                file: path, errorNumber: ENOENT, "is missing: a model folder holds config.json, weights in safetensors and tokenizer.json")
        }
        if let standIn = FileStandIn.description(of: text) { throw ModelError(file: path, standIn) }
        let node: JSONNode
        do throws(JSONError) { node = try JSONParser().parse(text) } catch {
            let place = JSONPosition(of: error.offset, in: text)
            throw ModelError(file: path, "line \(place.line), column \(place.column): \(error)")
        }
        try self.init(json: node, file: path)
    }

    /// - Parameter file: the name that errors give.
    package init(json: JSONNode, file: String = "config.json") throws(ModelError) {
        let reader = ConfigurationReader(node: json, file: file)
        guard json.object != nil else { throw ModelError(file: file, "holds \(json.kindName), not an object") }
        modelType = try reader.text("model_type")
        guard let family = ModelFamilies.family(for: modelType) else {
            throw ModelError(
                file: file, field: "model_type",
                "unknown architecture \"\(modelType)\"; known are \(ModelFamilies.modelTypes.joined(separator: ", "))")
        }
        if let quantization = json["quantization_config"], !quantization.isNull,
            !family.readableQuantizations.contains(quantization["quant_method"]?.string ?? "")
        {
            throw ModelError(
                file: file, field: "quantization_config", "quantised weights cannot be trained: use the checkpoint that was quantised")
        }
        let keys = family.sizeKeys
        hiddenSize = try reader.count(keys.hiddenSize, limit: 1 << 18)
        layerCount = try reader.count(keys.layerCount, limit: 1 << 10)
        headCount = try reader.count(keys.headCount, limit: 1 << 12)
        keyValueHeadCount = try reader.optionalCount("num_key_value_heads", limit: 1 << 12) ?? headCount
        vocabularySize = try reader.count("vocab_size", limit: 1 << 24)
        maximumPositions = try reader.optionalCount(keys.maximumPositions, limit: 1 << 28) ?? 2048
        guard headCount % keyValueHeadCount == 0 else {
            throw reader.failure(
                "num_key_value_heads", "\(headCount) heads do not divide into groups for \(keyValueHeadCount) key/value heads")
        }
        let givenWidth = try reader.optionalCount("head_dim", limit: 1 << 12)
        // A null is no number, and means what nothing says of other families.
        if let width = givenWidth ?? (json["head_dim"] == nil ? family.usualHeadWidth : nil) {
            headWidth = width
        } else {
            guard hiddenSize % headCount == 0 else {
                throw reader.failure(
                    keys.headCount,
                    "\(keys.hiddenSize) \(hiddenSize) is not a multiple of \(headCount) heads, and head_dim is not given")
            }
            headWidth = hiddenSize / headCount
        }
        guard headWidth <= 256 else { throw reader.failure("head_dim", "heads of \(headWidth) columns are not supported (256 at most)") }
        tiesEmbeddings = try reader.flag("tie_word_embeddings") ?? family.tiesEmbeddingsByDefault
        initializerRange = try reader.number("initializer_range") ?? 0.02
        guard initializerRange > 0, initializerRange < 10 else {
            throw reader.failure("initializer_range", "\(initializerRange) is out of range")
        }
        storedType = ElementType(rawValue: json["torch_dtype"]?.string ?? json["dtype"]?.string ?? "") ?? .float32
        if !storedType.isFloatingPoint { storedType = .float32 }
        isSliding = Array(repeating: false, count: layerCount)
        self.family = FamilyBox(try family.init(reader, &self))
        if family.readsLayerTypes, let types = reader.value("layer_types") { try reader.applyLayerTypes(types, &self) }
        if slidingWindow == nil || !isSliding.contains(true) {
            slidingWindow = nil
            isSliding = Array(repeating: false, count: layerCount)
        }
    }
}

/// Typed, checked access to the keys of a config.json.
struct ConfigurationReader {
    let node: JSONNode
    let file: String

    func failure(_ field: String, _ message: String) -> ModelError { ModelError(file: file, field: field, message) }

    func value(_ key: String) -> JSONNode? {
        guard let value = node[key], !value.isNull else { return nil }
        return value
    }

    func text(_ key: String) throws(ModelError) -> String {
        guard let value = value(key) else { throw failure(key, "is missing") }
        guard let text = value.string else { throw failure(key, "is \(value.kindName), not a string") }
        return text
    }

    func count(_ key: String, limit: Int) throws(ModelError) -> Int {
        guard let count = try optionalCount(key, limit: limit) else { throw failure(key, "is missing") }
        return count
    }

    /// A whole number from 1 to `limit`, or nil if the key is absent or null.
    func optionalCount(_ key: String, limit: Int) throws(ModelError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let count = value.integer else {
            throw failure(key, value.double == nil ? "is \(value.kindName), not a number" : "is not a whole number")
        }
        guard count > 0, count <= limit else { throw failure(key, "\(count) is out of range: 1 to \(limit)") }
        return count
    }

    func number(_ key: String) throws(ModelError) -> Double? {
        guard let value = value(key) else { return nil }
        guard let number = value.double else { throw failure(key, "is \(value.kindName), not a number") }
        return number
    }

    func flag(_ key: String) throws(ModelError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let flag = value.bool else { throw failure(key, "is \(value.kindName), not true or false") }
        return flag
    }

    /// What keeps a norm from dividing by zero.
    func epsilon(_ key: String, default normal: Double) throws(ModelError) -> Double {
        let epsilon = try number(key) ?? normal
        guard epsilon >= 0, epsilon < 1 else { throw failure(key, "\(epsilon) is not a small positive number") }
        return epsilon
    }

    /// The curve that a key names, or nil if the key is absent or null.
    func activation(_ key: String) throws(ModelError) -> ActivationFunction? {
        guard value(key) != nil else { return nil }
        let name = try text(key)
        switch name {
        case "silu", "swish": return .silu
        case "gelu": return .gelu
        case "gelu_pytorch_tanh", "gelu_new": return .geluTanh
        default: throw failure(key, "unknown activation \"\(name)\"; known are silu, gelu and gelu_pytorch_tanh")
        }
    }

    /// A number above zero, or nil if the key is absent or null.
    func positive(_ key: String) throws(ModelError) -> Double? {
        guard let number = try number(key) else { return nil }
        guard number > 0, number.isFinite else { throw failure(key, "\(number) is not positive") }
        return number
    }

    /// A list of numbers that are 0 or 1, or nil if the key is absent or null.
    func flags(_ key: String, count: Int) throws(ModelError) -> [Bool]? {
        guard let value = value(key) else { return nil }
        guard let elements = value.array, elements.count == count else {
            throw failure(key, "is not a list with one entry for each of \(count) layers")
        }
        var flags: [Bool] = []
        for element in elements {
            guard let number = element.integer, number == 0 || number == 1 else {
                throw failure(key, "contains an entry that is neither 0 nor 1")
            }
            flags.append(number == 1)
        }
        return flags
    }

    /// A set of whole numbers from 0 to below `limit`; empty if the key is absent or null.
    func numbers(_ key: String, below limit: Int) throws(ModelError) -> Set<Int> {
        guard let value = value(key) else { return [] }
        guard let elements = value.array else { throw failure(key, "is \(value.kindName), not a list of numbers") }
        var numbers: Set<Int> = []
        for element in elements {
            guard let number = element.integer, number >= 0, number < limit else {
                throw failure(key, "contains an entry that is no number from 0 to \(limit - 1)")
            }
            numbers.insert(number)
        }
        return numbers
    }

    /// The routers' loss where `output_router_logits` asks for it, as transformers adds it; nil:
    /// none.
    /// - Parameter usual: its coefficient where config.json does not say.
    func routerLoss(chosenCount: Int, usual: Double) throws(ModelError) -> RouterLossSettings? {
        let coefficient = try number("router_aux_loss_coef") ?? usual
        guard coefficient >= 0, coefficient < 1e3 else { throw failure("router_aux_loss_coef", "\(coefficient) is out of range") }
        guard try flag("output_router_logits") == true, coefficient > 0 else { return nil }
        return RouterLossSettings(coefficient: coefficient, chosenCount: chosenCount)
    }

    func applyLayerTypes(_ types: JSONNode, _ configuration: inout ModelConfiguration) throws(ModelError) {
        guard let names = types.array, names.count == configuration.layerCount else {
            throw failure("layer_types", "is not a list with one entry for each of \(configuration.layerCount) layers")
        }
        for (index, name) in names.enumerated() {
            switch name.string {
            case "full_attention": configuration.isSliding[index] = false
            case "sliding_attention": configuration.isSliding[index] = true
            case "conv" where configuration.convolutionLayers.contains(index): continue
            default: throw failure("layer_types", "entry \(index + 1) is neither full_attention nor sliding_attention")
            }
        }
    }
}
