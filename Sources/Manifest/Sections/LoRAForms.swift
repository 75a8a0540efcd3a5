package import JSON

extension ValueForm where Value == Manifest.LoRA.Targets {
    /// `all-linear`, a name, an expression, or a list of names.
    static var targets: ValueForm { named(allowsAll: true) }

    /// The same without `all-linear`.
    static var excludedTargets: ValueForm { named(allowsAll: false) }

    private static func named(allowsAll: Bool) -> ValueForm {
        let names = ValueForm<[String]>.texts(limit: 1024)
        let all = "all-linear"
        let text: [JSONMember] = [JSONMember("type", "string"), JSONMember("minLength", 1), JSONMember("maxLength", 1024)]
        return ValueForm(
            schema: [
                "anyOf": [
                    JSONNode(text + (allowsAll ? [] : [JSONMember("not", ["const": JSONNode(all)])])),
                    JSONNode((names.schema.object ?? []) + [JSONMember("minItems", 1)]),
                ]
            ], words: (allowsAll ? "`\(all)`, " : "") + "a list of names, or a regular expression for whole names",
            read: { node throws(ValueRefusal) in
                if let name = node.string {
                    guard (1...1024).contains(name.unicodeScalars.count) else {
                        throw ValueRefusal("is not a string of 1 to 1024 characters")
                    }
                    if name == all {
                        guard allowsAll else { throw ValueRefusal("is \(all), which leaves nothing to train") }
                        return .allLinear
                    }
                    return Value.isPattern(name) ? .pattern(name) : .names([name])
                }
                let list = try names.read(node)
                guard !list.isEmpty else {
                    throw ValueRefusal("is empty: name linear layers" + (allowsAll ? ", or write \(all)" : ", or leave it out"))
                }
                return .names(list)
            },
            write: { targets in
                switch targets {
                case .allLinear: JSONNode(all)
                case .names(let names): JSONNode(names.map { JSONNode($0) })
                case .pattern(let expression): JSONNode(expression)
                }
            })
    }
}

extension ValueForm where Value == [Manifest.LoRA.Exception] {
    private static var countLimit: Int { 1024 }
    private static var keyLimit: Int { 1024 }

    /// Whole numbers by expressions, in their order.
    static func exceptions(of number: ValueForm<Int>) -> ValueForm {
        exceptions(number.schema, number.words) { node throws(ValueRefusal) in Double(try number.read(node)) }
    }

    /// Numbers by expressions, in their order.
    static func exceptions(of number: ValueForm<Double>) -> ValueForm { exceptions(number.schema, number.words, number.read) }

    private static func exceptions(
        _ schema: JSONNode, _ words: String, _ number: @escaping @Sendable (JSONNode) throws(ValueRefusal) -> Double
    ) -> ValueForm {
        ValueForm(
            schema: [
                "type": "object", "maxProperties": JSONNode(countLimit),
                "propertyNames": ["minLength": 1, "maxLength": JSONNode(keyLimit)], "additionalProperties": schema,
            ], words: "names or expressions, each with \(words)",
            read: { node throws(ValueRefusal) in
                guard let members = node.object else { throw ValueRefusal("is \(node.kindName), not an object of numbers") }
                guard members.count <= countLimit else { throw ValueRefusal("has \(members.count) entries; \(countLimit) are allowed") }
                var exceptions: Value = []
                for member in members {
                    guard (1...keyLimit).contains(member.key.unicodeScalars.count) else {
                        throw ValueRefusal("has a name that is not a string of 1 to \(keyLimit) characters")
                    }
                    do throws(ValueRefusal) { exceptions.append(.init(member.key, try number(member.node))) } catch {
                        throw ValueRefusal("the number of \"\(member.key.prefix(64))\" \(error.message)")
                    }
                }
                return exceptions
            },
            write: { exceptions in
                exceptions.isEmpty
                    ? .none
                    : JSONNode(
                        exceptions.map { JSONMember($0.expression, Int(exactly: $0.value).map { JSONNode($0) } ?? JSONNode($0.value)) })
            })
    }
}

extension ValueForm where Value == [Int] {
    /// Numbers of layers: one, or a list of them.
    static var layers: ValueForm {
        let number = ValueForm<Int>.integer(0...9999)
        return ValueForm(
            schema: ["anyOf": [number.schema, ["type": "array", "items": number.schema, "minItems": 1, "maxItems": 10_000]]],
            words: "a list of numbers from 0, or one",
            read: { node throws(ValueRefusal) in
                guard let elements = node.array else { return [try number.read(node)] }
                guard (1...10_000).contains(elements.count) else {
                    throw ValueRefusal("has \(elements.count) entries; 1 to 10000 are allowed")
                }
                var layers: [Int] = []
                for element in elements { layers.append(try number.read(element)) }
                return Array(Set(layers)).sorted()
            }, write: { JSONNode($0.map { JSONNode($0) }) })
    }
}

extension ValueForm where Value == [String] {
    /// Names of modules, each once; none: an empty list.
    static var moduleNames: ValueForm {
        let texts = ValueForm<[String]>.texts(limit: 256)
        return ValueForm(
            schema: texts.schema, words: "a list of names",
            read: { node throws(ValueRefusal) in
                let names = try texts.read(node)
                return names.indices.filter { !names[..<$0].contains(names[$0]) }.map { names[$0] }
            }, write: texts.write)
    }
}

extension ValueForm where Value == Manifest.LoRA.Initialisation {
    /// PEFT's words.
    static var initialisation: ValueForm {
        let (words, prefix, limit) = (Value.words, Value.prefix, 999)
        return ValueForm(
            schema: [
                "anyOf": [
                    ["const": true], ["enum": ["gaussian", "olora", "pissa"]],
                    ["type": "string", "pattern": "^pissa_niter_[1-9][0-9]{0,2}$"],
                ]
            ],
            words: "`true`, `gaussian`, `olora`, `pissa`, `pissa_niter_N`",
            read: { node throws(ValueRefusal) in
                if node.bool == true { return .standard }
                let word = node.string ?? ""
                if let value = words[word] { return value }
                if word.hasPrefix(prefix), let count = Int(word.dropFirst(prefix.count)), (1...limit).contains(count),
                    word == prefix + String(count)
                {
                    return .pissaPasses(count)
                }
                throw ValueRefusal("may be true, gaussian, olora, pissa, or pissa_niter_ with a number from 1 to \(limit)")
            },
            write: { $0.word })
    }
}

extension Manifest.LoRA.Initialisation {
    fileprivate static let words: [String: Self] = ["gaussian": .gaussian, "olora": .olora, "pissa": .pissa]
    fileprivate static let prefix = "pissa_niter_"

    /// As PEFT's files say it.
    package var word: JSONNode {
        if case .pissaPasses(let count) = self { return JSONNode(Self.prefix + String(count)) }
        return Self.words.first { $0.value == self }.map { JSONNode($0.key) } ?? true
    }
}
