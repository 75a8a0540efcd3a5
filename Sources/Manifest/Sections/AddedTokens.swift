import JSON

extension Manifest {
    /// A token that a job adds to the model's vocabulary. Its text and flags are those of
    /// `AddedToken` in Hugging Face's tokenizers.
    package struct AddedToken: Sendable, Hashable {
        package var content: String
        /// Whether decoding leaves it out, and what people say is looked through for it.
        package var isSpecial = false
        /// Found only where no word character stands beside it.
        package var isSingleWord = false
        /// Swallows white space on its left or right.
        package var stripsLeft = false
        package var stripsRight = false
        /// Looked for in normalised text; nil: unless it is special.
        package var normalizes: Bool?

        package init(_ content: String, isSpecial: Bool = false) { (self.content, self.isSpecial) = (content, isSpecial) }

        package var isNormalized: Bool { normalizes ?? !isSpecial }

        /// The flags by their keys, as tokenizer.json has them.
        package var flags: [(key: String, value: Bool)] {
            [
                ("single_word", isSingleWord), ("lstrip", stripsLeft), ("rstrip", stripsRight), ("normalized", isNormalized),
                ("special", isSpecial),
            ]
        }
    }

    /// Refuses tokens where nothing can learn what they mean.
    func settleAddedTokens(_ section: ManifestSection) throws(ManifestError) {
        guard !addedTokens.isEmpty else { return }
        if !method.trains {
            throw section.failure(
                "add_tokens", "has no meaning with method.type \(method.word), which trains nothing: leave it out")
        }
        if adapter.lora?.initFrom != nil {
            throw section.failure(
                "add_tokens",
                "does not go with adapter.init_from, whose adapter has no rows for them: leave it out (the tokens that the adapter itself "
                    + "adds are there), or put that adapter into its model first (tala export --format merged) and begin anew")
        }
    }

    /// The same as parts of a JSON Schema.
    static var addedTokenRules: [JSONNode] {
        let adds: JSONNode = [
            "required": ["add_tokens"], "properties": ["add_tokens": ["type": "array", "minItems": 1]],
        ]
        let words = Method.all.filter { !$0.hasHyperparameters }.map { JSONNode($0.word) }
        let trainsNothing: JSONNode = [
            "required": ["method"],
            "properties": ["method": ["type": "object", "required": ["type"], "properties": ["type": ["enum": JSONNode(words)]]]],
        ]
        let goesOn: JSONNode = [
            "required": ["adapter"],
            "properties": ["adapter": ["type": "object", "required": ["init_from"], "properties": ["init_from": ["type": "string"]]]],
        ]
        return [["not": ["allOf": [adds, ["anyOf": [trainsNothing, goesOn]]]]]]
    }
}

extension ValueForm where Value == [Manifest.AddedToken] {
    private static var countLimit: Int { 4096 }
    private static var lengthLimit: Int { 256 }
    private static var flags: [String] { ["special", "single_word", "lstrip", "rstrip", "normalized"] }

    /// Texts, or objects with a text and its flags.
    static var addedTokens: ValueForm {
        let text: [JSONMember] = [
            JSONMember("type", "string"), JSONMember("minLength", 1), JSONMember("maxLength", JSONNode(lengthLimit)),
            JSONMember("pattern", "[^\\s\\u0000-\\u001f\\u007f]"),
        ]
        let properties = [JSONMember("content", JSONNode(text))] + flags.map { JSONMember($0, ["type": "boolean"]) }
        let object: JSONNode = [
            "type": "object", "required": ["content"], "properties": JSONNode(properties), "additionalProperties": false,
        ]
        return ValueForm(
            schema: ["type": "array", "items": ["anyOf": [JSONNode(text), object]], "maxItems": JSONNode(countLimit)],
            words: "a list of texts, or of objects with `content`, `special`, `single_word`, `lstrip`, `rstrip`, `normalized`",
            read: { node throws(ValueRefusal) in
                guard let elements = node.array else { throw ValueRefusal("is \(node.kindName), not a list of tokens") }
                guard elements.count <= countLimit else {
                    throw ValueRefusal("has \(elements.count) entries; \(countLimit) are allowed")
                }
                var tokens: [Manifest.AddedToken] = []
                var known: Set<[UInt8]> = []
                for (index, element) in elements.enumerated() {
                    do throws(ValueRefusal) {
                        let token = try Self.token(element)
                        // To a tokenizer, texts are equal where their bytes are.
                        guard known.insert(Array(token.content.utf8)).inserted else {
                            throw ValueRefusal("is \"\(token.content.prefix(64))\" a second time")
                        }
                        tokens.append(token)
                    } catch {
                        throw ValueRefusal("[\(index)] \(error.message)")
                    }
                }
                return tokens
            },
            write: { tokens in tokens.isEmpty ? .none : JSONNode(tokens.map { Self.node($0) }) })
    }

    private static func token(_ node: JSONNode) throws(ValueRefusal) -> Manifest.AddedToken {
        guard let members = node.object else {
            guard let text = node.string else {
                throw ValueRefusal("is \(node.kindName), neither a token's text nor an object with content")
            }
            return Manifest.AddedToken(try checked(text))
        }
        var values: [String: Bool] = [:]
        for member in members where member.key != "content" {
            guard flags.contains(member.key) else {
                throw ValueRefusal("has the key \"\(member.key.prefix(64))\"; it may have content, \(flags.joined(separator: ", "))")
            }
            guard let flag = member.node.bool else { throw ValueRefusal("\(member.key) is \(member.node.kindName); write true or false") }
            values[member.key] = flag
        }
        guard let content = node["content"] else { throw ValueRefusal("has no content, which is the token's text") }
        guard let text = content.string else { throw ValueRefusal("content is \(content.kindName), not a string") }
        var token = Manifest.AddedToken(try checked(text), isSpecial: values["special"] ?? false)
        (token.isSingleWord, token.normalizes) = (values["single_word"] ?? false, values["normalized"])
        (token.stripsLeft, token.stripsRight) = (values["lstrip"] ?? false, values["rstrip"] ?? false)
        return token
    }

    private static func checked(_ text: String) throws(ValueRefusal) -> String {
        guard (1...lengthLimit).contains(text.unicodeScalars.count) else {
            throw ValueRefusal("is not a text of 1 to \(lengthLimit) characters")
        }
        // White space alone would be found in every text.
        guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace && $0.value >= 0x20 && $0.value != 0x7F }) else {
            throw ValueRefusal("holds white space alone")
        }
        return text
    }

    /// A text where no flag says anything, else an object with those that do.
    private static func node(_ token: Manifest.AddedToken) -> JSONNode {
        var members = [JSONMember("content", JSONNode(token.content))]
        for (key, value) in [
            ("special", token.isSpecial), ("single_word", token.isSingleWord), ("lstrip", token.stripsLeft), ("rstrip", token.stripsRight),
        ] as [(String, Bool)] where value { members.append(JSONMember(key, true)) }
        if let normalizes = token.normalizes { members.append(JSONMember("normalized", JSONNode(normalizes))) }
        return members.count == 1 ? JSONNode(token.content) : JSONNode(members)
    }
}
