package import GGUF
package import JSON

/// A tokenizer as llama.cpp reads it, from tokenizer.json and tokenizer_config.json: such that both
/// cut the same text into the same tokens.
package struct GGUFTokenizer {
    private typealias Kind = GGUFTokenKind
    private let file: JSONNode
    private let settings: JSONNode
    private let generation: JSONNode?
    private let chatTemplate: String?
    /// Rows of the embedding.
    private let count: Int

    /// - Parameters:
    ///   - settings: tokenizer_config.json.
    ///   - generation: generation_config.json.
    package init(_ file: JSONNode, settings: JSONNode, generation: JSONNode?, chatTemplate: String?, count: Int) {
        (self.file, self.settings, self.generation) = (file, settings, generation)
        (self.chatTemplate, self.count) = (chatTemplate, count)
    }

    private struct Added {
        var id: Int
        var text: String
        var isSpecial: Bool
    }

    private var added: [Added] {
        (file["added_tokens"]?.array ?? []).compactMap { token in
            guard let id = token["id"]?.integer, let text = token["content"]?.string else { return nil }
            return Added(id: id, text: text, isSpecial: token["special"]?.bool ?? false)
        }
    }

    /// Whether tokens of roles take white space behind them with them, as Phi-3's do.
    package var swallowsSpace: Bool {
        (file["added_tokens"]?.array ?? []).contains { $0["rstrip"]?.bool == true && $0["content"]?.string?.hasPrefix("<|") == true }
    }

    private func id(of text: String?) -> Int? {
        guard let text else { return nil }
        return added.first { $0.text == text }?.id ?? file["model"]?["vocab"]?[text]?.integer
    }

    /// A token that tokenizer_config.json names, as a text or as an object.
    private func named(_ key: String) -> Int? { id(of: settings[key]?.string ?? settings[key]?["content"]?.string) }

    /// - Throws: ``GGUFError`` where llama.cpp would cut text otherwise.
    package func metadata() throws(GGUFError) -> [(String, GGUFValue)] {
        guard file["model"]?["type"]?.string == "BPE" || file["model"]?["merges"] != nil else {
            throw GGUFError(
                "tokenizer.json: only tokenizers with merges (BPE) can be written, not \(file["model"]?["type"]?.string ?? "?")")
        }
        let isPieces = file["model"]?["byte_fallback"]?.bool == true
        try GGUFNormalizing.check(file, isPieces: isPieces)
        let (tokens, kinds) = try tokens(isPieces: isPieces)
        let merges = try merges(of: tokens)
        let expression = isPieces ? "default" : try GGUFSplitting(of: file).name
        var keys: [(String, GGUFValue)] = [
            ("model", .string(isPieces ? "llama" : "gpt2")), ("pre", .string(expression)), ("tokens", .strings(tokens)),
        ]
        if isPieces { keys.append(("scores", .floats(scores(tokens, kinds, merges)))) }
        keys.append(("token_type", .integers(kinds)))
        // A space within a part is written as byte-level tokenizers write it.
        if !isPieces {
            keys.append(("merges", .strings(merges.map { $0.map { $0.replacing(" ", with: "\u{120}") }.joined(separator: " ") })))
        }
        let end = named("eos_token")
        let special: [(String, Int?)] = [
            ("bos_token_id", named("bos_token")), ("eos_token_id", end), ("unknown_token_id", isPieces ? named("unk_token") : nil),
            ("padding_token_id", named("pad_token")),
        ]
        for (key, id) in special { if let id { keys.append((key, .uint32(id))) } }
        if let turn = turnEnd(end) { keys.append(("eot_token_id", .uint32(turn))) }
        keys.append(("add_bos_token", .bool(addsBegin)))
        keys.append(("add_eos_token", .bool(settings["add_eos_token"]?.bool ?? false)))
        if isPieces, !hasSpacePrefix { keys.append(("add_space_prefix", .bool(false))) }
        var all = keys.map { ("tokenizer.ggml." + $0.0, $0.1) }
        if let chatTemplate { all.append(("tokenizer.chat_template", .string(chatTemplate))) }
        return all
    }

    private func tokens(isPieces: Bool) throws(GGUFError) -> ([String], [Int32]) {
        var texts = [String?](repeating: nil, count: count)
        var kinds = [Int32](repeating: Kind.unused, count: count)
        for member in file["model"]?["vocab"]?.object ?? [] {
            // Rows that the embedding does not have are never asked for.
            guard let id = member.node.integer, texts.indices.contains(id) else { continue }
            texts[id] = member.key
            kinds[id] = isPieces && Kind.isByte(member.key) ? Kind.byte : Kind.normal
        }
        for token in added where texts.indices.contains(token.id) {
            texts[token.id] = token.text
            kinds[token.id] = token.isSpecial ? Kind.control : Kind.userDefined
        }
        return (texts.enumerated().map { $1 ?? "[PAD\($0)]" }, kinds)
    }

    /// The merges, without those that make tokens for which the embedding has no row.
    private func merges(of tokens: [String]) throws(GGUFError) -> [[String]] {
        let isCut = (file["model"]?["vocab"]?.object?.count ?? 0) > tokens.count
        let held = isCut ? Set(tokens.map { Array($0.utf8) }) : []
        var pairs: [[String]] = []
        for merge in file["model"]?["merges"]?.array ?? [] {
            let parts = merge.array?.compactMap(\.string) ?? merge.string?.split(separator: " ").map(String.init) ?? []
            guard parts.count == 2 else { throw GGUFError("tokenizer.json: a merge is not made of two parts") }
            if isCut, !(parts + [parts.joined()]).allSatisfy({ held.contains(Array($0.utf8)) }) { continue }
            pairs.append(parts)
        }
        return pairs
    }

    /// llama.cpp joins the pair whose piece has the highest score: the rank of the merge that makes
    /// it, downwards.
    private func scores(_ tokens: [String], _ kinds: [Int32], _ merges: [[String]]) -> [Float] {
        var ranks: [String: Int] = [:]
        for (rank, merge) in merges.enumerated() where ranks[merge[0] + merge[1]] == nil { ranks[merge[0] + merge[1]] = rank }
        return zip(tokens, kinds).map { token, kind in
            switch kind {
            case Kind.control, Kind.userDefined: -1000
            case Kind.unused: -10_000
            default: ranks[token].map { -Float($0) } ?? 0
            }
        }
    }

    private var addsBegin: Bool {
        if let flag = settings["add_bos_token"]?.bool { return flag }
        let processor = file["post_processor"]
        let all = processor?["processors"]?.array ?? processor.map { [$0] } ?? []
        guard let begin = settings["bos_token"]?.string ?? settings["bos_token"]?["content"]?.string else { return false }
        return all.contains { $0["single"]?.array?.first?["SpecialToken"]?["id"]?.string == begin }
    }

    /// Whether a space is put before the text: by a normaliser, or by the splitting at spaces.
    private var hasSpacePrefix: Bool {
        let normalizers = file["normalizer"]?["normalizers"]?.array ?? file["normalizer"].map { [$0] } ?? []
        if normalizers.contains(where: { $0["type"]?.string == "Prepend" }) { return true }
        let splitters = file["pre_tokenizer"]?["pretokenizers"]?.array ?? file["pre_tokenizer"].map { [$0] } ?? []
        return splitters.contains { $0["type"]?.string == "Metaspace" && $0["prepend_scheme"]?.string != "never" }
    }

    /// A further token at which the model stops, where the file has room for one beside the end.
    private func turnEnd(_ end: Int?) -> Int? {
        let named = generation?["eos_token_id"]
        let ids = named?.array?.compactMap(\.integer) ?? named?.integer.map { [$0] } ?? []
        return ids.first { id in id != end && added.contains { $0.id == id } }
    }
}
