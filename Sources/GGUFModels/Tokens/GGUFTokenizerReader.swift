import JSON

/// The tokenizer that a GGUF file has in its metadata, as tokenizer.json and tokenizer_config.json
/// describe the same one: such that both cut the same text into the same tokens.
struct GGUFTokenizerReader {
    private typealias Kind = GGUFTokenKind
    private static let prefix = "tokenizer.ggml."
    private static let named = [
        "bos_token_id", "eos_token_id", "unknown_token_id", "padding_token_id", "eot_token_id", "eom_token_id",
    ]
    private let metadata: GGUFMetadata
    private let texts: [String]
    private let kinds: [Int32]
    /// The pieces of a sentencepiece tokenizer have scores; nil where merges are listed.
    private let scores: [Float]?
    private let merges: [String]
    private let splitting: GGUFSplitting?
    private let swallowsSpace: Bool

    /// - Parameter rows: rows of the embedding.
    /// - Throws: ``GGUFFault`` naming the key.
    init(_ metadata: GGUFMetadata, rows: Int) throws(GGUFFault) {
        self.metadata = metadata
        func key(_ name: String) -> String { Self.prefix + name }
        guard let model = try metadata.text(key("model")) else {
            throw metadata.fault(key("model"), "is missing: the file holds no tokenizer, without which nothing can be asked")
        }
        guard model == "llama" || model == "gpt2" else {
            throw metadata.fault(key("model"), "\"\(GGUFFault.shown(model))\" is not read; llama and gpt2 are")
        }
        guard let count = metadata.elementCount(key("tokens")) else { throw metadata.fault(key("tokens"), "is missing, or no array") }
        // Before the strings are made.
        guard count <= rows else { throw metadata.fault(key("tokens"), "has \(count) tokens, and token_embd.weight has \(rows) rows") }
        texts = try metadata.texts(key("tokens")) ?? []
        kinds = try metadata.integers(key("token_type")) ?? [Int32](repeating: Kind.normal, count: count)
        guard kinds.count == count else { throw metadata.fault(key("token_type"), "has \(kinds.count) elements for \(count) tokens") }
        if model == "llama" {
            let found = try metadata.floats(key("scores"))
            guard let found else { throw metadata.fault(key("scores"), "is missing: without scores pieces cannot be joined") }
            guard found.count == count else { throw metadata.fault(key("scores"), "has \(found.count) elements for \(count) tokens") }
            guard found.allSatisfy(\.isFinite) else { throw metadata.fault(key("scores"), "holds a number that is not finite") }
            (scores, splitting, merges) = (found, nil, [])
        } else {
            let name = try metadata.text(key("pre")) ?? "default"
            guard let way = GGUFSplitting(name: name) else {
                throw metadata.fault(
                    key("pre"), "\"\(GGUFFault.shown(name))\" is not known; known are \(GGUFSplitting.allNames.joined(separator: ", "))")
            }
            guard let found = try metadata.texts(key("merges")) else { throw metadata.fault(key("merges"), "is missing") }
            (scores, splitting, merges) = (nil, way, found)
        }
        // llama.cpp knows Phi-3 by its name: there, special tokens take white space behind them.
        let title = try metadata.text("general.name")?.lowercased() ?? ""
        swallowsSpace = model == "llama" && (title.contains("phi-3") || title.contains("phi3"))
        for name in Self.named { _ = try token(name) }
    }

    /// A token that the file names.
    private func token(_ name: String) throws(GGUFFault) -> Int? {
        let key = Self.prefix + name
        guard let id = try metadata.integer(key, in: 0...Int.max) else { return nil }
        guard id < texts.count else { throw metadata.fault(key, "is \(id), and there are \(texts.count) tokens") }
        return id
    }

    private func flag(_ name: String, or standard: Bool) throws(GGUFFault) -> Bool { try metadata.flag(Self.prefix + name) ?? standard }

    /// Tokens that stand for no text: rows of the embedding that no token has.
    private func isGap(_ id: Int) -> Bool { kinds[id] == Kind.unused && texts[id] == "[PAD\(id)]" }

    private func isAdded(_ id: Int) -> Bool { [Kind.unknown, Kind.control, Kind.userDefined].contains(kinds[id]) }

    // MARK: tokenizer.json

    /// - Throws: ``GGUFFault`` for merges that are none.
    func file() throws(GGUFFault) -> JSONNode {
        let (begin, end) = (try token("bos_token_id"), try token("eos_token_id"))
        let addsBegin = try flag("add_bos_token", or: splitting?.addsBegin ?? true)
        let addsEnd = try flag("add_eos_token", or: false)
        var members = [JSONMember("version", "1.0"), JSONMember("truncation", nil), JSONMember("padding", nil)]
        members.append(JSONMember("added_tokens", JSONNode(added)))
        members += try steps()
        members.append(JSONMember("post_processor", processor(addsBegin ? begin : nil, addsEnd ? end : nil)))
        members.append(JSONMember("model", JSONNode(try model())))
        return JSONNode(members)
    }

    private var added: [JSONNode] {
        texts.indices.filter(isAdded).map { id in
            let isSpecial = kinds[id] != Kind.userDefined
            return [
                "id": JSONNode(id), "content": JSONNode(texts[id]), "single_word": false, "lstrip": false,
                "rstrip": JSONNode(swallowsSpace && kinds[id] == Kind.control && texts[id].hasPrefix("<|")), "normalized": false,
                "special": JSONNode(isSpecial),
            ]
        }
    }

    /// Normaliser, splitting and decoder.
    private func steps() throws(GGUFFault) -> [JSONMember] {
        guard let splitting else {
            let space = "\u{2581}"
            func replace(_ old: String, _ new: String) -> JSONNode {
                ["type": "Replace", "pattern": ["String": JSONNode(old)], "content": JSONNode(new)]
            }
            let hasPrefix = try flag("add_space_prefix", or: true)
            let normalizers = (hasPrefix ? [["type": "Prepend", "prepend": JSONNode(space)] as JSONNode] : []) + [replace(" ", space)]
            let decoders: [JSONNode] =
                [replace(space, " "), ["type": "ByteFallback"], ["type": "Fuse"]]
                + (hasPrefix ? [["type": "Strip", "content": " ", "start": 1, "stop": 0] as JSONNode] : [])
            return [
                JSONMember("normalizer", ["type": "Sequence", "normalizers": JSONNode(normalizers)]), JSONMember("pre_tokenizer", nil),
                JSONMember("decoder", ["type": "Sequence", "decoders": JSONNode(decoders)]),
            ]
        }
        let decoder: JSONNode = ["type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true]
        return [JSONMember("normalizer", nil), JSONMember("pre_tokenizer", splitting.preTokenizer), JSONMember("decoder", decoder)]
    }

    /// The tokens around a text.
    private func processor(_ begin: Int?, _ end: Int?) -> JSONNode {
        guard begin != nil || end != nil else { return nil }
        func special(_ id: Int?, _ sequence: Int) -> [JSONNode] {
            id.map { [["SpecialToken": ["id": JSONNode(texts[$0]), "type_id": JSONNode(sequence)]] as JSONNode] } ?? []
        }
        func text(_ name: String, _ sequence: Int) -> [JSONNode] {
            [["Sequence": ["id": JSONNode(name), "type_id": JSONNode(sequence)]] as JSONNode]
        }
        let single = special(begin, 0) + text("A", 0) + special(end, 0)
        let pair = single + special(begin, 1) + text("B", 1) + special(end, 1)
        var named: [JSONMember] = []
        for id in Set([begin, end].compactMap { $0 }).sorted() where !named.contains(where: { $0.key == texts[id] }) {
            named.append(JSONMember(texts[id], ["id": JSONNode(texts[id]), "ids": [JSONNode(id)], "tokens": [JSONNode(texts[id])]]))
        }
        return ["type": "TemplateProcessing", "single": JSONNode(single), "pair": JSONNode(pair), "special_tokens": JSONNode(named)]
    }

    private func model() throws(GGUFFault) -> [JSONMember] {
        var seen: Set<[UInt8]> = []
        var vocabulary: [JSONMember] = []
        // Added tokens stand in the vocabulary, too: else they would get new ids behind it. Of
        // equal texts the first counts.
        for id in texts.indices where !isGap(id) && seen.insert(Array(texts[id].utf8)).inserted {
            vocabulary.append(JSONMember(texts[id], JSONNode(id)))
        }
        let unknown = splitting == nil ? try token("unknown_token_id") : nil
        return [
            JSONMember("type", "BPE"), JSONMember("dropout", nil), JSONMember("unk_token", unknown.map { JSONNode(texts[$0]) } ?? nil),
            JSONMember("continuing_subword_prefix", nil), JSONMember("end_of_word_suffix", nil),
            JSONMember("fuse_unk", JSONNode(splitting == nil)), JSONMember("byte_fallback", JSONNode(splitting == nil)),
            JSONMember("ignore_merges", JSONNode(splitting?.ignoresMerges ?? false)), JSONMember("vocab", JSONNode(vocabulary)),
            JSONMember("merges", JSONNode(try splitting == nil ? pairsOfPieces() : listedPairs())),
        ]
    }

    /// `"a b"`: the first space that is not the first character parts them.
    private func listedPairs() throws(GGUFFault) -> [JSONNode] {
        var pairs: [JSONNode] = []
        pairs.reserveCapacity(merges.count)
        for (index, merge) in merges.enumerated() {
            let bytes = Array(merge.utf8)
            guard bytes.count >= 3, let space = bytes[1...].firstIndex(of: 0x20), space + 1 < bytes.count else {
                throw metadata.fault(Self.prefix + "merges", "its entry \(index) (\"\(GGUFFault.shown(merge))\") is not made of two parts")
            }
            pairs.append([
                JSONNode(String(decoding: bytes[..<space], as: UTF8.self)),
                JSONNode(String(decoding: bytes[(space + 1)...], as: UTF8.self)),
            ])
        }
        return pairs
    }

    /// Bytes that a piece may have: the time that pairs take grows with it.
    private static let longestPiece = 256

    /// Pieces are joined by the score of what comes out, the highest first: each pair of pieces
    /// that is a piece together, in the order of those scores (as transformers' converter of
    /// sentencepiece models lists them).
    /// - Throws: ``GGUFFault`` for a piece of more bytes than any model has.
    private func pairsOfPieces() throws(GGUFFault) -> [JSONNode] {
        guard let scores else { return [] }
        var pieces: [(id: Int, bytes: [UInt8])] = []
        // By bytes: Swift's strings are equal where they only look the same.
        var ids: [ArraySlice<UInt8>: Int] = [:]
        for id in texts.indices where kinds[id] == Kind.normal {
            let bytes = Array(texts[id].utf8)
            guard bytes.count <= Self.longestPiece else {
                throw metadata.fault(Self.prefix + "tokens", "its token \(id) has \(bytes.count) bytes; \(Self.longestPiece) are allowed")
            }
            if ids.updateValue(id, forKey: bytes[...]) == nil { pieces.append((id, bytes)) }
        }
        struct Pair {
            var score: Float
            var left: Int
            var right: Int
        }
        var pairs: [Pair] = []
        for (id, bytes) in pieces {
            for place in bytes.indices.dropFirst() where bytes[place] & 0xC0 != 0x80 {
                guard let left = ids[bytes[..<place]], let right = ids[bytes[place...]] else { continue }
                pairs.append(Pair(score: scores[id], left: left, right: right))
            }
        }
        pairs.sort { ($1.score, $0.left, $0.right) < ($0.score, $1.left, $1.right) }
        return pairs.map { [JSONNode(texts[$0.left]), JSONNode(texts[$0.right])] }
    }

    // MARK: The files beside it

    /// tokenizer_config.json.
    /// - Throws: ``GGUFFault``.
    func settings() throws(GGUFFault) -> JSONNode {
        var members = [JSONMember("tokenizer_class", "PreTrainedTokenizerFast"), JSONMember("clean_up_tokenization_spaces", false)]
        for (name, key) in [
            ("bos_token", "bos_token_id"), ("eos_token", "eos_token_id"), ("unk_token", "unknown_token_id"),
            ("pad_token", "padding_token_id"),
        ] {
            // One that is a token as any other stays one.
            if let id = try token(key), isAdded(id) { members.append(JSONMember(name, JSONNode(texts[id]))) }
        }
        for name in ["add_bos_token", "add_eos_token"] {
            if let flag = try metadata.flag(Self.prefix + name) { members.append(JSONMember(name, JSONNode(flag))) }
        }
        if let templates = try templates() { members.append(JSONMember("chat_template", templates)) }
        return JSONNode(members)
    }

    /// The chat template, or several with names; nil where there is none.
    private func templates() throws(GGUFFault) -> JSONNode? {
        let key = "tokenizer.chat_template"
        let main = try metadata.text(key)
        var named: [JSONNode] = []
        for name in try metadata.texts(key + "s") ?? [] where name != "default" {
            guard let text = try metadata.text(key + "." + name) else {
                throw metadata.fault(key + "s", "names the template \"\(GGUFFault.shown(name))\", which is not there")
            }
            named.append(["name": JSONNode(name), "template": JSONNode(text)])
        }
        guard !named.isEmpty else { return main.map { JSONNode($0) } }
        return JSONNode((main.map { [["name": "default", "template": JSONNode($0)] as JSONNode] } ?? []) + named)
    }

    /// Tokens at which llama.cpp ends an answer whatever the file says of them, by their texts.
    private static let ends: Set<String> = [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<|end_of_text|>", "<eos>",
        "<end_of_utterance>",
    ]

    /// generation_config.json: a file names one end, and others are known by their texts.
    /// - Throws: ``GGUFFault``.
    func generation() throws(GGUFFault) -> JSONNode {
        var members: [JSONMember] = []
        if let begin = try token("bos_token_id") { members.append(JSONMember("bos_token_id", JSONNode(begin))) }
        var ends: [Int] = []
        for name in ["eos_token_id", "eot_token_id", "eom_token_id"] { if let id = try token(name), !ends.contains(id) { ends.append(id) } }
        for id in texts.indices where isAdded(id) && Self.ends.contains(texts[id]) && !ends.contains(id) { ends.append(id) }
        if !ends.isEmpty { members.append(JSONMember("eos_token_id", JSONNode(ends.map { JSONNode($0) }))) }
        if let padding = try token("padding_token_id") { members.append(JSONMember("pad_token_id", JSONNode(padding))) }
        return JSONNode(members)
    }

    /// The end that the file itself names.
    func endID() throws(GGUFFault) -> Int? { try token("eos_token_id") }
    func beginID() throws(GGUFFault) -> Int? { try token("bos_token_id") }
}
