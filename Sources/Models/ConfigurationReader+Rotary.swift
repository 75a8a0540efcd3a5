import Glibc
import JSON

extension ConfigurationReader {
    func rotary(for model: ModelConfiguration, defaultBase: Double = 10_000, defaultShare: Double = 1) throws(ModelError)
        -> RotarySettings
    {
        try rotary(
            headWidth: model.headWidth, maximumPositions: model.maximumPositions, defaultBase: defaultBase, defaultShare: defaultShare)
    }

    /// The settings that `rope_parameters` gives for each of these types of layers; none where it
    /// does not tell types apart.
    func rotaryByLayerType(for model: ModelConfiguration, _ types: [String]) throws(ModelError) -> [RotarySettings] {
        guard let parameters = value("rope_parameters"), types.allSatisfy({ parameters[$0]?.object != nil }) else { return [] }
        var found: [RotarySettings] = []
        for type in types {
            guard let node = parameters[type] else { continue }
            let reader = ConfigurationReader(node: JSONNode([JSONMember("rope_parameters", node)]), file: file)
            found.append(try reader.rotary(for: model))
        }
        return found
    }

    /// Both spellings: `rope_theta` with `rope_scaling`, and `rope_parameters`.
    private func rotary(headWidth: Int, maximumPositions: Int, defaultBase: Double, defaultShare: Double) throws(ModelError)
        -> RotarySettings
    {
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
        let base = innerBase ?? outerBase ?? defaultBase
        guard base > 1, base < 1e12 else { throw failure("rope_theta", "\(base) is out of range") }
        let innerShare = try inner.number("partial_rotary_factor")
        let outerShare = try number("partial_rotary_factor")
        let share = innerShare ?? outerShare ?? defaultShare
        guard share > 0, share <= 1 else { throw failure("partial_rotary_factor", "\(share) is not between 0 and 1") }
        let width = Int(Double(headWidth) * share)
        guard width > 0, width % 2 == 0 else {
            throw failure(
                share == 1 ? "head_dim" : "partial_rotary_factor", "rotary embedding needs an even number of columns, not \(width)")
        }
        if let nested = scaling?.object?.first(where: { $0.node.object != nil }) {
            throw failure("\(key).\(nested.key)", "is for some layers only: layers with rotations of their own are not supported")
        }
        let type = inner.value("rope_type")?.string ?? inner.value("type")?.string ?? "default"
        /// Positions before scaling, where transformers (5.24) looks for them: beside the scaling,
        /// in it, or those of the model.
        func originalPositions() throws(ModelError) -> Int {
            let outer = try optionalCount("original_max_position_embeddings", limit: 1 << 28)
            let own: Int?
            do throws(ModelError) { own = try inner.optionalCount("original_max_position_embeddings", limit: 1 << 28) } catch {
                throw nested(error)
            }
            return outer ?? own ?? maximumPositions
        }
        let result: RotarySettings.Scaling
        switch type {
        case "default": result = .none
        case "linear": result = .linear(factor: try positive("factor"))
        case "dynamic": result = .dynamic(factor: try positive("factor"), maximumPositions: maximumPositions)
        case "yarn": result = try inner.yarn(originalPositions(), maximumPositions, positive)
        case "llama3":
            let (low, high) = (try positive("low_freq_factor"), try positive("high_freq_factor"))
            guard high > low else { throw failure("\(key).high_freq_factor", "must be larger than low_freq_factor") }
            result = .llama3(
                factor: try positive("factor"), lowFrequencyFactor: low, highFrequencyFactor: high,
                originalPositions: try originalPositions())
        case "longrope", "su":
            let short = try inner.numbers("short_factor", count: width / 2, key)
            let long = try inner.numbers("long_factor", count: width / 2, key)
            let original = try originalPositions()
            let factor = try inner.number("factor") ?? Double(maximumPositions) / Double(original)
            let computed = factor <= 1 || original < 2 ? 1 : sqrt(1 + log(factor) / log(Double(original)))
            let attention = try inner.number("attention_factor") ?? computed
            guard attention > 0, attention < 100 else { throw failure("\(key).attention_factor", "\(attention) is out of range") }
            result = .longrope(shortFactors: short, longFactors: long, originalPositions: original, attentionFactor: attention)
        default:
            throw failure(
                "\(key).\(inner.value("rope_type") == nil ? "type" : "rope_type")",
                "unknown kind \"\(type)\" of rotary scaling; known are default, dynamic, linear, llama3, longrope, yarn")
        }
        return RotarySettings(base: base, width: width, scaling: result)
    }

    /// YaRN's settings, from the object that holds them.
    private func yarn(_ originalPositions: Int, _ maximumPositions: Int, _ positive: (String) throws(ModelError) -> Double)
        throws(ModelError) -> RotarySettings.Scaling
    {
        func optional(_ key: String) throws(ModelError) -> Double? { value(key) == nil ? nil : try positive(key) }
        let factor = try optional("factor") ?? Double(maximumPositions) / Double(originalPositions)
        func magnitude(_ scale: Double) -> Double { factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1 }
        // Zero stands for absent, as in the reference.
        let (scale, scaleOfAll) = (try number("mscale") ?? 0, try number("mscale_all_dim") ?? 0)
        let computed = scale != 0 && scaleOfAll != 0 ? magnitude(scale) / magnitude(scaleOfAll) : magnitude(1)
        let (fast, slow) = (try optional("beta_fast") ?? 32, try optional("beta_slow") ?? 1)
        let attention = try optional("attention_factor") ?? computed
        guard attention.isFinite, attention > 0, attention < 100 else { throw failure("attention_factor", "\(attention) is out of range") }
        return .yarn(
            factor: factor, originalPositions: originalPositions, fastRotations: fast, slowRotations: slow,
            roundsRange: try flag("truncate") ?? true, attentionFactor: attention)
    }

    private func numbers(_ name: String, count: Int, _ key: String) throws(ModelError) -> [Double] {
        guard let elements = value(name)?.array else { throw failure("\(key).\(name)", "is missing or is not a list") }
        guard elements.count == count else { throw failure("\(key).\(name)", "needs \(count) numbers, has \(elements.count)") }
        var numbers: [Double] = []
        for element in elements {
            guard let number = element.double, number > 0, number < 1e6 else {
                throw failure("\(key).\(name)", "contains an entry that is not a positive number")
            }
            numbers.append(number)
        }
        return numbers
    }
}
