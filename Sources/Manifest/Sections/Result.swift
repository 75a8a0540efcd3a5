import JSON

extension Manifest {
    /// In which forms the tuned model is written.
    package struct Result: KeyedSection {
        package enum Format: String, Sendable, Hashable, CaseIterable {
            case adapter, merged, gguf
            case ggufAdapter = "gguf-adapter"
        }
        /// The types of a GGUF file's tensors, as llama.cpp names the mixes.
        package enum GGUFType: String, Sendable, Hashable, CaseIterable { case f32, f16, bf16, q8_0, q6_k, q5_k_m, q4_k_m, q4_0, mxfp4 }

        /// None: the adapter and the merged model, or the whole model where all are trained.
        package var formats: [Format] = []
        package var ggufType = Choice<GGUFType>.auto

        package init() {}

        package static let keys: [Key<Result>] = [
            Key(
                "formats", \.formats, .formats, following: "`[adapter, merged]`", { _ in [] },
                "Forms of the result; what was trained is written always"),
            Key("gguf_type", \.ggufType, .auto(or: .word), "Type of the numbers in gguf; auto is 16 bits, as the base has them"),
        ]

        /// The key came after 0.1.0.
        package func omits(_ key: String) -> Bool { key == "gguf_type" && ggufType == .auto }
    }
}

extension ValueForm where Value == [Manifest.Result.Format] {
    /// A list of words; once is enough.
    static var formats: ValueForm {
        let known = Manifest.Result.Format.allCases.map(\.rawValue)
        return ValueForm(
            schema: [
                "type": "array", "items": ["enum": JSONNode(known.map { JSONNode($0) })], "minItems": 1,
            ], words: "a list of " + known.map { "`\($0)`" }.joined(separator: ", "),
            read: { node throws(ValueRefusal) in
                guard let elements = node.array else { throw ValueRefusal("is \(node.kindName), not a list") }
                guard !elements.isEmpty else { throw ValueRefusal("is empty: leave it out, or name forms") }
                var formats: [Manifest.Result.Format] = []
                for element in elements {
                    let format = try ValueForm<Manifest.Result.Format>.word.read(element)
                    if !formats.contains(format) { formats.append(format) }
                }
                return formats
            }, write: { $0.isEmpty ? .none : JSONNode($0.map { JSONNode($0.rawValue) }) })
    }
}
