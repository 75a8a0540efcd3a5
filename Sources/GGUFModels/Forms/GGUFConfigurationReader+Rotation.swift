import JSON
import Storage
import Tensors

/// How a model's positions are rotated.
extension GGUFConfigurationReader {
    /// The base, the share of a head, and how frequencies are scaled.
    func rotation() throws(GGUFFault) -> [JSONMember] {
        var members: [JSONMember] = []
        let base = try number("rope.freq_base") ?? form.usualRotaryBase
        members.append(JSONMember(form.rotaryBaseKey, Self.number(base)))
        let columns = try metadata.integer(key("rope.dimension_count"), in: 1...(1 << 12)) ?? headWidth
        if let share = form.rotaryShare {
            guard columns <= headWidth else {
                throw metadata.fault(key("rope.dimension_count"), "is \(columns), and a head has \(headWidth) columns")
            }
            if columns < headWidth || share.saysWhole { members.append(JSONMember(share.key, JSONNode(self.share(columns)))) }
        } else if columns != headWidth {
            throw metadata.fault(
                key("rope.dimension_count"), "is \(columns), and this architecture turns all \(headWidth) columns of a head")
        }
        if form.mayUseLongrope, let original = try metadata.integer(key("rope.scaling.original_context_length"), in: 1...(1 << 28)) {
            members.append(JSONMember("original_max_position_embeddings", JSONNode(original)))
        }
        if let scaling = try scaling(base: base, columns: columns) { members.append(JSONMember("rope_scaling", scaling)) }
        return members
    }

    /// The share of a head whose whole number of columns, rounded down, is this.
    private func share(_ columns: Int) -> Double {
        let share = Double(columns) / Double(headWidth)
        return Int(Double(headWidth) * share) == columns ? share : share.nextUp
    }

    private func scaling(base: Double, columns: Int) throws(GGUFFault) -> JSONNode? {
        let (long, short) = (try factors("rope_factors_long.weight", columns), try factors("rope_factors_short.weight", columns))
        if let long, let short {
            var members = [
                JSONMember("rope_type", "longrope"), JSONMember("long_factor", Self.list(long)),
                JSONMember("short_factor", Self.list(short)),
            ]
            if let factor = try number("rope.scaling.attn_factor") {
                members += form.scoreFactorKeys.map { JSONMember($0, Self.number(factor)) }
            }
            return JSONNode(members)
        }
        guard long == nil, short == nil else {
            throw GGUFFault(
                path: files[0].path, field: long == nil ? "rope_factors_long.weight" : "rope_factors_short.weight",
                "is missing beside the other")
        }
        if let found = try factors("rope_freqs.weight", columns) { return llama3(found, base: base) }
        let type = try metadata.text(key("rope.scaling.type")) ?? (metadata.holds(key("rope.scale_linear")) ? "linear" : "none")
        switch type {
        case "none": return nil
        case "linear", "yarn":
            let older = type == "linear" ? try number("rope.scale_linear") : nil
            guard let factor = try number("rope.scaling.factor") ?? older else {
                throw metadata.fault(key("rope.scaling.factor"), "is missing")
            }
            if factor == 1, type == "linear" { return nil }
            var members = [JSONMember("rope_type", JSONNode(type)), JSONMember("factor", Self.number(factor))]
            guard type == "yarn" else { return JSONNode(members) }
            if let original = try metadata.integer(key("rope.scaling.original_context_length"), in: 1...(1 << 28)) {
                members.append(JSONMember("original_max_position_embeddings", JSONNode(original)))
            }
            for (name, file) in [("beta_fast", "yarn_beta_fast"), ("beta_slow", "yarn_beta_slow")] {
                if let number = try number("rope.scaling." + file) { members.append(JSONMember(name, Self.number(number))) }
            }
            // Files have it as a multiple of what it usually is.
            let second = try number("rope.scaling.yarn_attn_factor")
            if let multiple = try number("rope.scaling.attn_factor") ?? second {
                members.append(JSONMember("attention_factor", Self.number(multiple * GGUFConfiguration.usualYarnFactor(factor))))
            }
            return JSONNode(members + family.yarnMembers)
        default:
            throw metadata.fault(key("rope.scaling.type"), "\"\(GGUFFault.shown(type))\" is not known; none, linear, yarn and longrope are")
        }
    }

    private static func list(_ numbers: [Float]) -> JSONNode { JSONNode(numbers.map { number(Double($0)) }) }

    /// Divisors of the frequencies, one for each pair of columns.
    private func factors(_ name: String, _ columns: Int) throws(GGUFFault) -> [Float]? {
        guard let (file, tensor) = files.lazy.compactMap({ file in file.tensors.first { $0.name == name }.map { (file, $0) } }).first else {
            return nil
        }
        func fault(_ message: String) -> GGUFFault { GGUFFault(path: file.path, field: name, message) }
        guard tensor.type.name == "F32", tensor.shape.reduce(1, *) == columns / 2, let bytes = file.file?.bytes else {
            throw fault("is no F32 vector of \(columns / 2) numbers, one for each pair of columns")
        }
        let numbers = (0..<(columns / 2)).map {
            Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: tensor.place.lowerBound + 4 * $0, as: UInt32.self)))
        }
        guard numbers.allSatisfy({ $0 > 0 && $0 < 1e6 }) else { throw fault("holds a divisor that is not positive") }
        return numbers
    }

    /// Llama 3's scaling as it was given before it became divisors: the settings, of those that
    /// models have, that give these; where none do, the divisors themselves.
    private func llama3(_ factors: [Float], base: Double) -> JSONNode {
        let factor = factors.max() ?? 1
        for original in (5...20).map({ 1 << $0 }) where original <= positions {
            for (low, high) in [(1.0, 4.0), (1.0, 2.0), (2.0, 4.0), (1.0, 8.0), (1.0, 32.0)] {
                let computed = GGUFConfiguration.llama3Factors(
                    base: base, width: 2 * factors.count, factor: Double(factor), low: low, high: high, original: Double(original))
                guard zip(computed, factors).allSatisfy({ abs($0 - $1) <= 1e-5 * $1 }) else { continue }
                return [
                    "rope_type": "llama3", "factor": Self.number(Double(factor)), "low_freq_factor": JSONNode(low),
                    "high_freq_factor": JSONNode(high), "original_max_position_embeddings": JSONNode(original),
                ]
            }
        }
        return [
            "rope_type": "longrope", "long_factor": Self.list(factors), "short_factor": Self.list(factors), "attention_factor": 1.0,
            "original_max_position_embeddings": JSONNode(positions),
        ]
    }
}
