import JSON

/// A tokenizer with more tokens than a model's: the texts that say so, which transformers reads as
/// `add_tokens` would have made them, and the ids of the new tokens.
package struct GrownTokenizer: Sendable {
    /// A token to be added, with its flags by the keys that tokenizer.json has for them.
    package struct Addition: Sendable {
        package var content: String
        package var flags: [(key: String, value: Bool)]

        package init(content: String, flags: [(key: String, value: Bool)]) { (self.content, self.flags) = (content, flags) }

        /// - Parameter id: nil: it stands elsewhere.
        fileprivate func node(_ id: Int?) -> JSONNode {
            var members = id.map { [JSONMember("id", JSONNode($0))] } ?? []
            members.append(JSONMember("content", JSONNode(content)))
            return JSONNode(members + flags.map { JSONMember($0.key, JSONNode($0.value)) })
        }
    }

    /// The texts that are others than the model's, by name.
    package let texts: [String: [UInt8]]
    /// The ids of the added tokens, in their order.
    package let ids: [Int32]
    /// One past the largest id that the model's tokenizer gives.
    package let oldCount: Int

    /// - Parameter field: what gives the tokens, for errors.
    /// - Throws: ``TokenizerError`` where the model's tokenizer cannot be read; of the manifest,
    ///   where it has such a token, or would never find it in a text.
    package init(_ base: TokenizerTexts, adding additions: [Addition], field: String = "add_tokens") throws(TokenizerError) {
        func failure(_ index: Int, _ message: String) -> TokenizerError {
            TokenizerError(file: "manifest", field: "\(field)[\(index)]", message)
        }
        let tokenizer = try Tokenizer(base)
        for (index, addition) in additions.enumerated() {
            guard let id = tokenizer.id(of: addition.content) else { continue }
            throw failure(index, "\"\(addition.content.prefix(64))\" is a token of the model already, with the id \(id): leave it out")
        }
        oldCount = tokenizer.vocabularySize
        // The next free ones, as they usually are.
        var wanted = additions.indices.map { Int32(truncatingIfNeeded: tokenizer.vocabularySize + $0) }
        var changed = try Self.texts(base, tokenizer, additions, wanted)
        var grown = try Tokenizer(base.replacing(changed))
        let found = try Self.ids(of: additions, in: grown) { failure($0, $1) }
        if found != wanted {
            wanted = found
            changed = try Self.texts(base, tokenizer, additions, wanted)
            grown = try Tokenizer(base.replacing(changed))
            let again = try Self.ids(of: additions, in: grown) { failure($0, $1) }
            guard again == wanted else {
                throw failure(0, "and those behind it get ids that nothing else may say: the tokenizer cannot take more tokens")
            }
        }
        for (index, id) in wanted.enumerated() {
            if let other = tokenizer.token(of: id) {
                throw failure(
                    index, "would have the id \(id), which \"\(other.prefix(64))\" has: the tokenizer's ids have holes, and cannot grow")
            }
        }
        for token in tokenizer.addedTokens where grown.id(of: token.content) != token.id {
            throw failure(0, "would change the id of \"\(token.content.prefix(64))\", which the model knows as \(token.id)")
        }
        for (index, addition) in additions.enumerated() where !grown.isSpecial(wanted[index]) {
            guard grown.encode(addition.content, addSpecialTokens: false).contains(wanted[index]) else {
                throw failure(
                    index,
                    "\"\(addition.content.prefix(64))\" would never be found in a text: the tokenizer changes it, or another token of its own "
                        + "is a part of it; set normalized to false, or choose another text")
            }
        }
        (texts, ids) = (changed, wanted)
    }

    private static func ids(
        of additions: [Addition], in tokenizer: Tokenizer, _ failure: (Int, String) -> TokenizerError
    ) throws(TokenizerError) -> [Int32] {
        var ids: [Int32] = []
        for (index, addition) in additions.enumerated() {
            guard let id = tokenizer.id(of: addition.content), tokenizer.isAdded(id) else {
                throw failure(index, "\"\(addition.content.prefix(64))\" is not taken by the tokenizer")
            }
            ids.append(id)
        }
        return ids
    }

    /// `tokenizer.json` and `tokenizer_config.json` with the tokens behind all that the tokenizer
    /// has: also those that stood in other files, which would get other ids else.
    private static func texts(
        _ base: TokenizerTexts, _ tokenizer: Tokenizer, _ additions: [Addition], _ ids: [Int32]
    ) throws(TokenizerError) -> [String: [UInt8]] {
        guard let node = try base.json("tokenizer.json", limit: 256), let members = node.object else {
            throw TokenizerError(file: base.place("tokenizer.json"), "is missing")
        }
        let known = tokenizer.addedTokens.sorted { $0.id < $1.id }.map { token -> (Int, Addition) in
            (Int(token.id), Addition(content: token.content, flags: token.flags))
        }
        let new = zip(ids, additions).map { (id: Int32, addition: Addition) -> (Int, Addition) in (Int(id), addition) }
        func behind(_ held: [JSONNode]) -> [(Int, Addition)] {
            let contents = Set(held.compactMap { $0["content"]?.string.map { ExactString($0) } })
            return known.filter { !contents.contains(ExactString($0.1.content)) } + new
        }
        let inFile = node["added_tokens"]?.array ?? []
        let further: [JSONNode] = behind(inFile).map { $0.1.node($0.0) }
        let all = JSONNode(inFile + further)
        var changed = members.filter { $0.key != "added_tokens" }
        let place = members.firstIndex { $0.key == "added_tokens" } ?? changed.count
        changed.insert(JSONMember("added_tokens", all), at: min(place, changed.count))
        var texts = ["tokenizer.json": JSONWriter().bytes(JSONNode(changed)) + [0x0A]]
        let name = "tokenizer_config.json"
        var settings = try base.json(name)?.object ?? []
        if let index = settings.firstIndex(where: { $0.key == "added_tokens_decoder" }), let held = settings[index].node.object {
            let further: [JSONMember] = behind(held.map(\.node)).map { JSONMember(String($0.0), $0.1.node(nil)) }
            settings[index] = JSONMember("added_tokens_decoder", JSONNode(held + further))
        }
        // In an adapter's folder nothing else says by which class the tokenizer is read.
        if !settings.contains(where: { $0.key == "tokenizer_class" && !$0.node.isNull }) {
            let found = try TokenizerClass(JSONNode(settings), file: base.place(name), base, node)
            settings.removeAll { $0.key == "tokenizer_class" }
            settings.append(JSONMember("tokenizer_class", JSONNode(found?.rawValue ?? "PreTrainedTokenizerFast")))
        }
        texts[name] = JSONWriter(isIndented: true).bytes(JSONNode(settings)) + [0x0A]
        return texts
    }
}

extension AddedTokens.Token {
    fileprivate var flags: [(key: String, value: Bool)] {
        [
            ("single_word", isSingleWord), ("lstrip", stripsLeft), ("rstrip", stripsRight), ("normalized", isNormalized),
            ("special", isSpecial),
        ]
    }
}
