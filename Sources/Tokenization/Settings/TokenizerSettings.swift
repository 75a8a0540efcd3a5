import Foundation
import JSON

/// What the files beside tokenizer.json say of a tokenizer, where that changes token ids:
/// `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`, and the class by which
/// transformers 5 loads it.
///
/// transformers does not take tokenizer.json as it is: tokens that are declared elsewhere go before
/// those in it, and some classes build the steps of the tokenizer themselves (``TokenizerClass``).
/// Token ids must be those with which the model was trained and will be asked, so the same is done
/// here.
struct TokenizerSettings {
    private let texts: TokenizerTexts
    /// `tokenizer_config.json`; an empty object where it is missing.
    private let configuration: JSONNode
    private let configurationFile: String

    /// - Throws: ``TokenizerError``.
    init(_ texts: TokenizerTexts) throws(TokenizerError) {
        self.texts = texts
        configurationFile = texts.place("tokenizer_config.json")
        configuration = try texts.json("tokenizer_config.json") ?? JSONNode([JSONMember]())
    }

    /// Whether the texts of special tokens are text as any other.
    func splitsSpecialTokens() throws(TokenizerError) -> Bool { try flag("split_special_tokens") ?? false }

    /// A setting that is true, false, null or missing.
    private func flag(_ key: String) throws(TokenizerError) -> Bool? {
        guard let found = configuration[key], !found.isNull else { return nil }
        guard let flag = found.bool else { throw failure(key, "is \(found.kindName), not true or false") }
        return flag
    }

    private func failure(_ field: String, _ message: String) -> TokenizerError {
        TokenizerError(file: configurationFile, field: field, message)
    }

    /// tokenizer.json as transformers uses it.
    /// - Throws: ``TokenizerError`` naming a setting that is not understood.
    func applied(to tokenizer: JSONNode) throws(TokenizerError) -> JSONNode {
        guard let members = tokenizer.object else { return tokenizer }
        let builder = try TokenizerClass(configuration, file: configurationFile, texts, tokenizer)
        let rebuilt = try builder?.steps(legacy: flag("legacy"), addsPrefixSpace: flag("add_prefix_space"), tokenizer) ?? [:]
        let tokens = try addedTokens(tokenizer, builder)
        var result = members.filter { rebuilt[$0.key] == nil && $0.key != "added_tokens" }
        result += rebuilt.sorted { $0.key < $1.key }.map { JSONMember($0.key, $0.value) }
        result.append(JSONMember("added_tokens", JSONNode(tokens)))
        return JSONNode(result)
    }

    // MARK: Tokens

    /// The special tokens that have names in transformers, in the order in which it adds them.
    private static let names = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]

    /// All tokens that are added to the vocabulary, in the order in which transformers adds them;
    /// of equal texts the last counts.
    private func addedTokens(_ tokenizer: JSONNode, _ builder: TokenizerClass?) throws(TokenizerError) -> [JSONNode] {
        let inFile = tokenizer["added_tokens"]?.array ?? []
        var named: [String: JSONNode] = [:]
        for name in Self.names { if let value = configuration[name] ?? builder?.defaultToken(name) { named[name] = value } }
        var further = configuration["additional_special_tokens"]
        if let extra = configuration["extra_special_tokens"], extra.array?.isEmpty == false || extra.object?.isEmpty == false {
            further = extra
        }
        var declared: [JSONNode]
        if let decoder = configuration["added_tokens_decoder"], !decoder.isNull {
            declared = try self.declared(decoder)
        } else {
            try mergeSpecialTokensMap(&named, &further)
            let special = Set(named.values.compactMap(Self.content) + (further?.array ?? []).compactMap(Self.content))
            // The order is that of the ids, as with declarations of today.
            var byID = try olderTokens(special)
            for token in inFile { if let id = token["id"]?.integer { byID[id] = token } }
            // One without an id stays, for the reader to refuse.
            declared = byID.sorted { $0.key < $1.key }.map(\.value) + inFile.filter { $0["id"]?.integer == nil }
        }
        // A class that builds its steps itself begins with the vocabulary alone.
        var tokens = builder == nil ? inFile : []
        var known = Set(tokens.compactMap(Self.content) + declared.compactMap(Self.content))
        let specialNames = Set(named.values.compactMap(Self.content))
        tokens += declared.map { token in Self.content(token).map(specialNames.contains) == true ? Self.special(token) : token }
        func add(_ node: JSONNode, _ field: String) throws(TokenizerError) {
            if node.isNull { return }
            guard let content = Self.content(node) else { throw failure(field, "is \(node.kindName), neither a token's text nor a token") }
            if known.insert(content).inserted { tokens.append(Self.special(node)) }
        }
        for name in Self.names { if let node = named[name] { try add(node, name) } }
        for member in configuration.object ?? []
        where member.key.hasSuffix("_token") && !Self.names.contains(member.key) && member.node.string != nil {
            try add(member.node, member.key)
        }
        for member in further?.object ?? [] { try add(member.node, "extra_special_tokens.\(member.key)") }
        for (index, node) in (further?.array ?? []).enumerated() { try add(node, "extra_special_tokens[\(index)]") }
        if builder?.readdsSpecialTokens == true {
            for content in Self.names.compactMap({ named[$0].flatMap(Self.content) }) + (further?.array ?? []).compactMap(Self.content) {
                tokens.append(Self.special(JSONNode(content)))
            }
        }
        return tokens
    }

    /// A token that another file than tokenizer.json declares; the reader gives ids itself, as the
    /// library does.
    private static func withID(_ members: [JSONMember]) -> JSONNode { JSONNode(members.filter { $0.key != "id" } + [JSONMember("id", 0)]) }

    private static func content(_ node: JSONNode) -> String? { node.string ?? node["content"]?.string }

    /// A token that counts as special.
    private static func special(_ node: JSONNode) -> JSONNode {
        let members = node.string.map { [JSONMember("content", JSONNode($0))] } ?? node.object ?? []
        return withID(members.filter { $0.key != "special" } + [JSONMember("special", true)])
    }

    /// `added_tokens_decoder`: tokens by id, which says their order.
    private func declared(_ decoder: JSONNode) throws(TokenizerError) -> [JSONNode] {
        let field = "added_tokens_decoder"
        guard let members = decoder.object else { throw failure(field, "is \(decoder.kindName), not an object") }
        var tokens: [(id: Int, token: JSONNode)] = []
        for member in members {
            guard let id = Int(member.key), id >= 0 else { throw failure(field, "\"\(member.key.prefix(40))\" is not a token id") }
            guard member.node["content"]?.string != nil else { throw failure("\(field).\(id)", "is no token: content is missing") }
            for key in ["lstrip", "rstrip", "single_word", "normalized", "special"] {
                guard let flag = member.node[key], !flag.isNull, flag.bool == nil else { continue }
                throw failure("\(field).\(id).\(key)", "is \(flag.kindName), not true or false")
            }
            var token = member.node.object ?? []
            if member.node["normalized"]?.bool == nil {
                token.removeAll { $0.key == "normalized" }
                token.append(JSONMember("normalized", JSONNode(member.node["special"]?.bool != true)))
            }
            tokens.append((id, Self.withID(token)))
        }
        return tokens.sorted { $0.id < $1.id }.map(\.token)
    }

    /// Files of older versions name special tokens in a file of their own, which goes before
    /// tokenizer_config.json.
    private func mergeSpecialTokensMap(_ named: inout [String: JSONNode], _ further: inout JSONNode?) throws(TokenizerError) {
        for member in try texts.json("special_tokens_map.json")?.object ?? [] {
            if Self.names.contains(member.key) {
                named[member.key] = member.node
            } else if member.key == "additional_special_tokens" || member.key == "extra_special_tokens" {
                further = member.node
            }
        }
    }

    /// `added_tokens.json`: tokens by their ids.
    private func olderTokens(_ special: Set<String>) throws(TokenizerError) -> [Int: JSONNode] {
        let file = texts.place("added_tokens.json")
        var tokens: [Int: JSONNode] = [:]
        for member in try texts.json("added_tokens.json")?.object ?? [] {
            guard let id = member.node.integer, id >= 0 else {
                throw TokenizerError(file: file, field: member.key, "is \(member.node.kindName), not a token id")
            }
            let isSpecial = special.contains(member.key)
            tokens[id] = Self.withID([
                JSONMember("content", JSONNode(member.key)), JSONMember("special", JSONNode(isSpecial)),
                JSONMember("normalized", JSONNode(!isSpecial)),
            ])
        }
        return tokens
    }
}
