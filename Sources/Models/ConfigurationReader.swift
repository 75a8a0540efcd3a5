import Glibc
import Graph
package import JSON
import Storage
import Tensors

extension ModelConfiguration {
    /// Reads and checks a model folder's config.json.
    /// - Throws: ``ModelError`` naming the field.
    package init(folder: String) throws(ModelError) {
        let path = folder + "/config.json"
        let text: [UInt8]
        do throws(StorageError) { text = try DurableFiles.read(path, limit: 16 << 20) } catch {
            throw ModelError(
                file: path, errorNumber: error.errorNumber,
                error.isMissing ? "is missing: a model folder holds config.json, weights in safetensors and tokenizer.json" : "\(error)")
        }
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
        if let quantization = json["quantization_config"], !quantization.isNull {
            throw ModelError(
                file: file, field: "quantization_config", "quantised weights cannot be trained: use the checkpoint that was quantised")
        }
        hiddenSize = try reader.count("hidden_size", limit: 1 << 18)
        layerCount = try reader.count("num_hidden_layers", limit: 1 << 10)
        headCount = try reader.count("num_attention_heads", limit: 1 << 12)
        keyValueHeadCount = try reader.optionalCount("num_key_value_heads", limit: 1 << 12) ?? headCount
        intermediateSize = try reader.count("intermediate_size", limit: 1 << 20)
        vocabularySize = try reader.count("vocab_size", limit: 1 << 24)
        maximumPositions = try reader.optionalCount("max_position_embeddings", limit: 1 << 28) ?? 2048
        guard headCount % keyValueHeadCount == 0 else {
            throw reader.failure(
                "num_key_value_heads", "\(headCount) heads do not divide into groups for \(keyValueHeadCount) key/value heads")
        }
        if let width = try reader.optionalCount("head_dim", limit: 1 << 12) {
            headWidth = width
        } else {
            guard hiddenSize % headCount == 0 else {
                throw reader.failure(
                    "num_attention_heads", "hidden_size \(hiddenSize) is no multiple of \(headCount) heads, and head_dim is not given")
            }
            headWidth = hiddenSize / headCount
        }
        guard headWidth <= 256 else { throw reader.failure("head_dim", "heads of \(headWidth) columns are not supported (256 at most)") }
        normEpsilon = try reader.number("rms_norm_eps") ?? 1e-6
        guard normEpsilon >= 0, normEpsilon < 1 else { throw reader.failure("rms_norm_eps", "\(normEpsilon) is no small positive number") }
        tiesEmbeddings = try reader.flag("tie_word_embeddings") ?? family.tiesEmbeddingsByDefault
        initializerRange = try reader.number("initializer_range") ?? 0.02
        guard initializerRange > 0, initializerRange < 10 else {
            throw reader.failure("initializer_range", "\(initializerRange) is out of range")
        }
        storedType = ElementType(rawValue: json["torch_dtype"]?.string ?? json["dtype"]?.string ?? "") ?? .float32
        if !storedType.isFloatingPoint { storedType = .float32 }
        activation = try reader.activation(preferring: family.activationKey)
        hasAttentionBias = try reader.flag("attention_bias") ?? false
        hasFeedForwardBias = try reader.flag("mlp_bias") ?? false
        queryScale = Double(headWidth)
        attentionSoftCap = 0
        finalSoftCap = 0
        slidingWindow = nil
        isSliding = Array(repeating: false, count: layerCount)
        rotary = try reader.rotary(headWidth: headWidth, maximumPositions: maximumPositions)
        try family.refine(&self, reader)
        if let types = json["layer_types"], !types.isNull { try reader.applyLayerTypes(types, &self) }
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

    private func value(_ key: String) -> JSONNode? {
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

    func activation(preferring key: String) throws(ModelError) -> ActivationFunction {
        let key = value(key) == nil ? "hidden_act" : key
        guard value(key) != nil else { return .silu }
        let name = try text(key)
        switch name {
        case "silu", "swish": return .silu
        case "gelu_pytorch_tanh", "gelu_new": return .geluTanh
        default: throw failure(key, "unknown activation \"\(name)\"; known are silu and gelu_pytorch_tanh")
        }
    }

    /// Both spellings: `rope_theta` with `rope_scaling`, and `rope_parameters`.
    func rotary(headWidth: Int, maximumPositions: Int) throws(ModelError) -> RotarySettings {
        let isNew = value("rope_parameters") != nil
        let key = isNew ? "rope_parameters" : "rope_scaling"
        let scaling = value(key)
        if let scaling, scaling.object == nil { throw failure(key, "is \(scaling.kindName), not an object") }
        let inner = ConfigurationReader(node: scaling ?? JSONNode([JSONMember]()), file: file)
        func nested(_ error: ModelError) -> ModelError { failure(key + "." + (error.field ?? ""), error.message) }
        func positive(_ name: String) throws(ModelError) -> Double {
            let number: Double?
            do throws(ModelError) { number = try inner.number(name) } catch { throw nested(error) }
            guard let number else { throw failure("\(key).\(name)", "is missing") }
            guard number > 0, number.isFinite, number < 1e9 else { throw failure("\(key).\(name)", "\(number) is out of range") }
            return number
        }
        let innerBase = isNew ? try inner.number("rope_theta") : nil
        let outerBase = try number("rope_theta")
        let base = innerBase ?? outerBase ?? 10000
        guard base > 1, base < 1e12 else { throw failure("rope_theta", "\(base) is out of range") }
        let innerShare = try inner.number("partial_rotary_factor")
        let outerShare = try number("partial_rotary_factor")
        let share = innerShare ?? outerShare ?? 1
        guard share > 0, share <= 1 else { throw failure("partial_rotary_factor", "\(share) is not between 0 and 1") }
        let width = Int(Double(headWidth) * share)
        guard width > 0, width % 2 == 0 else {
            throw failure(
                share == 1 ? "head_dim" : "partial_rotary_factor", "rotary embedding needs an even number of columns, not \(width)")
        }
        let type = inner.value("rope_type")?.string ?? inner.value("type")?.string ?? "default"
        let result: RotarySettings.Scaling
        switch type {
        case "default": result = .none
        case "linear": result = .linear(factor: try positive("factor"))
        case "llama3":
            let (low, high) = (try positive("low_freq_factor"), try positive("high_freq_factor"))
            guard high > low else { throw failure("\(key).high_freq_factor", "must be larger than low_freq_factor") }
            result = .llama3(
                factor: try positive("factor"), lowFrequencyFactor: low, highFrequencyFactor: high,
                originalPositions: Int(try positive("original_max_position_embeddings")))
        case "longrope", "su":
            let short = try inner.numbers("short_factor", count: width / 2, key)
            let long = try inner.numbers("long_factor", count: width / 2, key)
            let outerOriginal = try optionalCount("original_max_position_embeddings", limit: 1 << 28)
            let innerOriginal = try inner.optionalCount("original_max_position_embeddings", limit: 1 << 28)
            let originalPositions = outerOriginal ?? innerOriginal ?? maximumPositions
            let factor = try inner.number("factor") ?? Double(maximumPositions) / Double(originalPositions)
            let computed = factor <= 1 || originalPositions < 2 ? 1 : sqrt(1 + log(factor) / log(Double(originalPositions)))
            let attention = try inner.number("attention_factor") ?? computed
            guard attention > 0, attention < 100 else { throw failure("\(key).attention_factor", "\(attention) is out of range") }
            result = .longrope(shortFactors: short, longFactors: long, originalPositions: originalPositions, attentionFactor: attention)
        default:
            throw failure(
                "\(key).\(inner.value("rope_type") == nil ? "type" : "rope_type")",
                "unknown kind \"\(type)\" of rotary scaling; known are default, linear, llama3, longrope")
        }
        return RotarySettings(base: base, width: width, scaling: result)
    }

    private func numbers(_ name: String, count: Int, _ key: String) throws(ModelError) -> [Double] {
        guard let elements = value(name)?.array else { throw failure("\(key).\(name)", "is missing or no list") }
        guard elements.count == count else { throw failure("\(key).\(name)", "needs \(count) numbers, has \(elements.count)") }
        var numbers: [Double] = []
        for element in elements {
            guard let number = element.double, number > 0, number < 1e6 else {
                throw failure("\(key).\(name)", "holds something that is no positive number")
            }
            numbers.append(number)
        }
        return numbers
    }

    func applyLayerTypes(_ types: JSONNode, _ configuration: inout ModelConfiguration) throws(ModelError) {
        guard let names = types.array, names.count == configuration.layerCount else {
            throw failure("layer_types", "is not a list with one entry for each of \(configuration.layerCount) layers")
        }
        for (index, name) in names.enumerated() {
            switch name.string {
            case "full_attention": configuration.isSliding[index] = false
            case "sliding_attention": configuration.isSliding[index] = true
            default: throw failure("layer_types", "entry \(index + 1) is neither full_attention nor sliding_attention")
            }
        }
    }
}
