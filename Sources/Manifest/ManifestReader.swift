import JSON

extension Manifest {
    /// Reads a manifest's text.
    /// - Throws: ``ManifestError`` with the key, its place and what would be right.
    package init(_ text: ManifestText) throws(ManifestError) {
        let root = ManifestSection(node: text.root, path: "", text: text)
        try root.allow(ManifestKeys.root)
        self.init(model: try root.requiredText("model", limit: 1024), trainingFile: try root.requiredText("training_file", limit: 1024))
        validationFile = try root.text("validation_file", limit: 1024)
        validationSplit = try root.number("validation_split", 0...0.9)
        if validationSplit == 0 { validationSplit = nil }
        if validationFile != nil, validationSplit != nil {
            throw root.failure("validation_split", "give either validation_file or validation_split, not both")
        }
        suffix = try root.text("suffix", limit: 64)
        if let suffix, !suffix.utf8.allSatisfy(Self.isNameByte) {
            throw root.failure("suffix", "may hold letters, digits, '.', '_' and '-' only")
        }
        metadata = try root.metadata()
        if let seed = try root.integer("seed", 0...Int.max) { self.seed = UInt64(seed) }
        try readMethod(root)
        try readAdapter(root)
        try readOptimizer(root)
        if let section = try root.section("schedule", ManifestKeys.schedule) {
            schedule.shape = try section.choice("type", Schedule.Shape.self) ?? schedule.shape
            schedule.warmupSteps = try section.integer("warmup_steps", 0...1_000_000_000) ?? 0
        }
        trainOn = try root.choice("train_on", TrainOn.self) ?? (method == .pretrain ? .all : trainOn)
        shuffle = try root.flag("shuffle") ?? shuffle
        maximumLength = try root.integer("max_length", 2...16_777_216) ?? maximumLength
        onExcess = try root.choice("on_excess", OnExcess.self) ?? onExcess
        if let section = try root.section("checkpoint", ManifestKeys.checkpoint) {
            checkpoint.everySteps = try section.integer("every_steps", 1...1_000_000_000)
            checkpoint.keep = try section.integer("keep", 1...1000) ?? checkpoint.keep
        }
        if let section = try root.section("evaluation", ManifestKeys.evaluation) {
            evaluateEverySteps = try section.integer("every_steps", 1...1_000_000_000)
        }
        device = try root.text("device", limit: 256) ?? device
        guard device == "auto" || device == "cpu" || device == "vulkan" || device.hasPrefix("vulkan:") else {
            throw root.failure("device", "is \"\(device)\"; it may be auto, cpu, vulkan or vulkan:NUMBER_OR_NAME")
        }
        precision = try root.choice("precision", Precision.self) ?? precision
        if let format = try root.choice("base_weights", BaseWeights.self) {
            guard adapter.kind == .lora else {
                throw root.failure(
                    "base_weights",
                    "is for frozen weights, but adapter.type full trains them all: leave it out, or set adapter.type to lora")
            }
            baseWeights = format
        }
        priority = try root.integer("priority", -1000...1000) ?? 0
        notBefore = try root.integer("not_before", 0...(1 << 40))
        timeLimit = try root.integer("time_limit", 1...(1 << 32))
        costLimit = try root.number("cost_limit", 0...1e12)
        after = try root.texts("after", limit: 64) ?? []
        memoryLimit = try root.byteCount("memory_limit")
        isProfiled = try root.flag("profile") ?? isProfiled
    }

    /// A size as people write it: `2147483648`, `512MiB`, `1.5 GiB`; nil if it is none.
    package static func byteCount(_ text: String) -> Int? {
        if let number = Int(text), number > 0 { return number }
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)]
        guard let unit = units.first(where: { text.hasSuffix($0.0) }), let number = Double(text.dropLast(3).filter { $0 != " " }),
            number > 0, number < 1_000_000
        else { return nil }
        return Int(number * Double(1 << unit.1))
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "._-".utf8.contains(byte)
    }

    private mutating func readMethod(_ root: ManifestSection) throws(ManifestError) {
        guard let section = try root.section("method", ManifestKeys.method + ["dpo", "classification", "reinforcement"]) else { return }
        let type = try section.text("type", limit: 64) ?? "supervised"
        if ["dpo", "classification", "reinforcement"].contains(type) {
            throw section.failure("type", "\(type) is not available yet; supervised and pretrain are", code: "not_available")
        }
        guard let kind = Method(rawValue: type) else { throw section.failure("type", "is \"\(type)\"; it may be supervised or pretrain") }
        method = kind
        for other in ManifestKeys.method.dropFirst() where other != type && section.node[other] != nil {
            throw section.failure(other, "stands beside type \(type): only \(type) may have settings here")
        }
        guard let inner = try section.section(type, ["hyperparameters"]) else { return }
        guard let values = try inner.section("hyperparameters", ManifestKeys.hyperparameters) else { return }
        if !values.isAuto("n_epochs"), let count = try values.integer("n_epochs", 1...100_000) { epochCount = .value(count) }
        maximumSteps = try values.integer("max_steps", 1...1_000_000_000)
        if maximumSteps != nil, epochCount != .auto { throw values.failure("max_steps", "give either n_epochs or max_steps, not both") }
        if !values.isAuto("batch_size"), let size = try values.integer("batch_size", 1...65_536) { batchSize = .value(size) }
        let multiplier = values.isAuto("learning_rate_multiplier") ? nil : try values.number("learning_rate_multiplier", 0...5)
        if !values.isAuto("learning_rate"), let rate = try values.number("learning_rate", 0...1000) {
            if multiplier != nil {
                throw values.failure("learning_rate_multiplier", "give either learning_rate or learning_rate_multiplier, not both")
            }
            learningRate = .rate(rate)
        } else if let multiplier {
            learningRate = .multiplier(multiplier)
        }
    }

    private mutating func readAdapter(_ root: ManifestSection) throws(ManifestError) {
        if method == .pretrain { adapter.kind = .full }
        guard let section = try root.section("adapter", ManifestKeys.adapter) else { return }
        let type = try section.text("type", limit: 64) ?? adapter.kind.rawValue
        guard let kind = Adapter.Kind(rawValue: type) else { throw section.failure("type", "is \"\(type)\"; it may be lora or full") }
        adapter.kind = kind
        if kind == .full {
            for key in ManifestKeys.adapter.dropFirst() where section.node[key] != nil {
                throw section.failure(key, "has no meaning with type full")
            }
            return
        }
        adapter.rank = try section.integer("rank", 1...4096) ?? adapter.rank
        adapter.alpha = try section.number("alpha", 0...1_000_000) ?? Double(2 * adapter.rank)
        adapter.dropout = try section.number("dropout", 0...0.95) ?? adapter.dropout
        adapter.usesRankStabilisedScaling = try section.flag("use_rslora") ?? false
        adapter.initFrom = try section.text("init_from", limit: 1024)
        if adapter.initFrom != nil {
            adapter.inherited = Set(Adapter.Inheritable.allCases.filter { section.node[$0.rawValue].map(\.isNull) ?? true })
        }
        if let targets = section.node["target_modules"], !targets.isNull {
            if let name = targets.string {
                adapter.targets = name == "all-linear" ? .allLinear : .names([name])
            } else if let names = try section.texts("target_modules", limit: 256) {
                guard !names.isEmpty else { throw section.failure("target_modules", "is empty: name linear layers, or write all-linear") }
                adapter.targets = .names(names)
            }
        }
    }

    private mutating func readOptimizer(_ root: ManifestSection) throws(ManifestError) {
        guard let section = try root.section("optimizer", ManifestKeys.optimizer) else { return }
        if let type = try section.text("type", limit: 64), type != "adamw" {
            throw section.failure("type", "is \"\(type)\"; adamw is what there is")
        }
        optimizer.beta1 = try section.number("beta1", 0...0.999_999) ?? optimizer.beta1
        optimizer.beta2 = try section.number("beta2", 0...0.999_999_9) ?? optimizer.beta2
        optimizer.epsilon = try section.number("epsilon", 1e-20...1) ?? optimizer.epsilon
        optimizer.weightDecay = try section.number("weight_decay", 0...100) ?? optimizer.weightDecay
        optimizer.weightDecayOn = try section.choice("weight_decay_on", Optimizer.DecayOn.self) ?? optimizer.weightDecayOn
        optimizer.maximumGradientNorm = try section.number("max_grad_norm", 0...1e9) ?? optimizer.maximumGradientNorm
    }
}

/// One object of a manifest, with typed and checked access to its keys.
struct ManifestSection {
    let node: JSONNode
    let path: String
    let text: ManifestText

    func failure(_ key: String, _ message: String, code: String = "invalid_value") -> ManifestError {
        let member = node.object?.first { $0.key == key }
        return ManifestError(code: code, message: message, param: path + key, position: text.position(member?.node.offset ?? node.offset))
    }

    /// Refuses keys that are not among `known`, naming the one that was probably meant.
    func allow(_ known: [String]) throws(ManifestError) {
        for member in node.object ?? [] where !known.contains(member.key) {
            let shown = String(member.key.prefix(64))
            let suggestion = ManifestKeys.suggestion(for: member.key, among: known)
            throw ManifestError(
                code: "unknown_key",
                message: "unknown key \(shown)"
                    + (suggestion.map { "; did you mean \($0)?" } ?? "; known here are \(known.joined(separator: ", "))"),
                param: path + shown, position: text.position(member.keyOffset))
        }
    }

    private func value(_ key: String) -> JSONNode? {
        guard let value = node[key], !value.isNull else { return nil }
        return value
    }

    func isAuto(_ key: String) -> Bool { node[key]?.string == "auto" }

    func section(_ key: String, _ known: [String]) throws(ManifestError) -> ManifestSection? {
        guard let value = value(key) else { return nil }
        guard value.object != nil else { throw failure(key, "is \(value.kindName), not an object with keys") }
        let section = ManifestSection(node: value, path: path + key + ".", text: text)
        try section.allow(known)
        return section
    }

    func requiredText(_ key: String, limit: Int) throws(ManifestError) -> String {
        guard let text = try text(key, limit: limit) else { throw failure(key, "is missing", code: "missing_key") }
        return text
    }

    func text(_ key: String, limit: Int) throws(ManifestError) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.string else { throw failure(key, "is \(value.kindName), not a string") }
        guard !text.isEmpty else { throw failure(key, "is empty") }
        guard text.utf8.count <= limit else { throw failure(key, "has more than \(limit) bytes") }
        guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
            throw failure(key, "holds control characters")
        }
        return text
    }

    func texts(_ key: String, limit: Int) throws(ManifestError) -> [String]? {
        guard let value = value(key) else { return nil }
        guard let elements = value.array, elements.count <= 10_000 else {
            throw failure(key, "is \(value.kindName), not a list of strings")
        }
        var texts: [String] = []
        for element in elements {
            guard let text = element.string, !text.isEmpty, text.utf8.count <= limit else {
                throw failure(key, "holds something that is no short string")
            }
            texts.append(text)
        }
        return texts
    }

    func integer(_ key: String, _ range: ClosedRange<Int>) throws(ManifestError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let number = value.integer else {
            throw failure(key, value.double == nil ? "is \(value.kindName), not a number" : "is not a whole number")
        }
        guard range.contains(number) else { throw failure(key, "\(number) is out of range: \(range.lowerBound) to \(range.upperBound)") }
        return number
    }

    func number(_ key: String, _ range: ClosedRange<Double>) throws(ManifestError) -> Double? {
        guard let value = value(key) else { return nil }
        guard let number = value.double else { throw failure(key, "is \(value.kindName), not a number") }
        guard range.contains(number) else { throw failure(key, "\(number) is out of range: \(range.lowerBound) to \(range.upperBound)") }
        return number
    }

    func flag(_ key: String) throws(ManifestError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let flag = value.bool else { throw failure(key, "is \(value.kindName); write true or false") }
        return flag
    }

    func choice<Value: RawRepresentable & CaseIterable>(_ key: String, _ type: Value.Type) throws(ManifestError) -> Value?
    where Value.RawValue == String {
        guard let word = try text(key, limit: 64) else { return nil }
        guard let value = Value(rawValue: word) else {
            throw failure(key, "is \"\(word)\"; it may be \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
    }

    /// Bytes as a number, or with a unit: `512MiB`, `2GiB`.
    func byteCount(_ key: String) throws(ManifestError) -> Int? {
        guard let value = value(key) else { return nil }
        if let number = value.integer, number > 0 { return number }
        if let number = value.string.flatMap({ Manifest.byteCount($0) }) { return number }
        throw failure(key, "is not a size; write for example 2GiB")
    }

    func metadata() throws(ManifestError) -> [String: String] {
        guard let value = value("metadata") else { return [:] }
        guard let members = value.object else { throw failure("metadata", "is \(value.kindName), not an object of strings") }
        guard members.count <= 16 else { throw failure("metadata", "has \(members.count) pairs; 16 are allowed") }
        var pairs: [String: String] = [:]
        for member in members {
            guard member.key.utf8.count <= 64 else { throw failure("metadata", "a key has more than 64 characters") }
            let text: String
            switch member.node.value {
            case .string(let string): text = string
            case .integer(let number): text = String(number)
            default: throw failure("metadata", "the value of \(member.key) is no string")
            }
            guard text.utf8.count <= 512 else { throw failure("metadata", "the value of \(member.key) has more than 512 characters") }
            pairs[member.key] = text
        }
        return pairs
    }
}
