import JSON

/// Reads the components of a tokenizer.json, naming the one that is not known or not right.
struct TokenizerReader {
    let file: String

    func failure(_ field: String, _ message: String) -> TokenizerError { TokenizerError(file: file, field: field, message) }

    private func type(_ node: JSONNode, _ field: String) throws(TokenizerError) -> String {
        guard node.object != nil else { throw failure(field, "is \(node.kindName), not an object") }
        guard let type = node["type"]?.string else { throw failure(field + ".type", "is missing or no string") }
        return type
    }

    private func list(_ node: JSONNode, _ key: String, _ field: String) throws(TokenizerError) -> [JSONNode] {
        guard let elements = node[key]?.array else { throw failure("\(field).\(key)", "is missing or no list") }
        return elements
    }

    private func flag(_ node: JSONNode, _ key: String, _ field: String, default value: Bool) throws(TokenizerError) -> Bool {
        guard let found = node[key], !found.isNull else { return value }
        guard let flag = found.bool else { throw failure("\(field).\(key)", "is \(found.kindName), not true or false") }
        return flag
    }

    private func text(_ node: JSONNode, _ key: String, _ field: String) throws(TokenizerError) -> String {
        guard let text = node[key]?.string else { throw failure("\(field).\(key)", "is missing or no string") }
        return text
    }

    private func finder(_ node: JSONNode, _ field: String) throws(TokenizerError) -> Finder {
        guard let pattern = node["pattern"] else { throw failure(field + ".pattern", "is missing") }
        if let text = pattern["String"]?.string { return .string(Array(text.unicodeScalars)) }
        guard let expression = pattern["Regex"]?.string else { throw failure(field + ".pattern", "is neither a String nor a Regex") }
        do throws(PatternError) { return .pattern(try Pattern(expression)) } catch {
            throw failure(field + ".pattern", "\(error)")
        }
    }

    func normalizer(_ node: JSONNode?, _ field: String) throws(TokenizerError) -> Normalizer {
        guard let node, !node.isNull else { return .nothing }
        switch try type(node, field) {
        case "Sequence":
            var steps: [Normalizer] = []
            for (index, step) in try list(node, "normalizers", field).enumerated() { steps.append(try normalizer(step, "\(field).normalizers[\(index)]")) }
            return .sequence(steps)
        case "Prepend": return .prepend(try text(node, "prepend", field))
        case "Replace": return .replace(try finder(node, field), with: try text(node, "content", field))
        case "NFC": return .nfc
        case "NFD": return .nfd
        case "NFKC": return .nfkc
        case "NFKD": return .nfkd
        case "Lowercase": return .lowercase
        case "Strip": return .strip(left: try flag(node, "strip_left", field, default: true), right: try flag(node, "strip_right", field, default: true))
        case "StripAccents": return .stripAccents
        case let other: throw failure(field + ".type", "the normalizer \(other) is not known")
        }
    }

    func preTokenizer(_ node: JSONNode?, _ field: String) throws(TokenizerError) -> PreTokenizer {
        guard let node, !node.isNull else { return .nothing }
        switch try type(node, field) {
        case "Sequence":
            var steps: [PreTokenizer] = []
            for (index, step) in try list(node, "pretokenizers", field).enumerated() { steps.append(try preTokenizer(step, "\(field).pretokenizers[\(index)]")) }
            return .sequence(steps)
        case "Split":
            return .split(try finder(node, field), try behavior(node, field), isInverted: try flag(node, "invert", field, default: false))
        case "ByteLevel":
            return .byteLevel(
                addsPrefixSpace: try flag(node, "add_prefix_space", field, default: true), usesExpression: try flag(node, "use_regex", field, default: true))
        case "Metaspace":
            let (replacement, scheme) = try metaspace(node, field)
            return .metaspace(replacement: replacement, scheme: scheme, splits: try flag(node, "split", field, default: true))
        case "Digits": return .digits(areIndividual: try flag(node, "individual_digits", field, default: false))
        case "Punctuation": return .punctuation(node["behavior"] == nil ? .isolated : try behavior(node, field))
        case "Whitespace": return .whitespace
        case "WhitespaceSplit": return .whitespaceSplit
        case let other: throw failure(field + ".type", "the pre-tokenizer \(other) is not known")
        }
    }

    private func behavior(_ node: JSONNode, _ field: String) throws(TokenizerError) -> PreTokenizer.Behavior {
        let name = try text(node, "behavior", field)
        guard let behavior = PreTokenizer.Behavior(rawValue: name) else { throw failure(field + ".behavior", "\(name) is not known") }
        return behavior
    }

    private func metaspace(_ node: JSONNode, _ field: String) throws(TokenizerError) -> (Unicode.Scalar, PreTokenizer.PrependScheme) {
        let text = node["replacement"]?.string ?? "▁"
        guard text.unicodeScalars.count == 1, let replacement = text.unicodeScalars.first else { throw failure(field + ".replacement", "is not one character") }
        if let name = node["prepend_scheme"]?.string {
            guard let scheme = PreTokenizer.PrependScheme(rawValue: name) else { throw failure(field + ".prepend_scheme", "\(name) is not known") }
            return (replacement, scheme)
        }
        return (replacement, try flag(node, "add_prefix_space", field, default: true) ? .always : .never)
    }

    func decoder(_ node: JSONNode?, _ field: String) throws(TokenizerError) -> TextDecoder {
        guard let node, !node.isNull else { return .nothing }
        switch try type(node, field) {
        case "Sequence":
            var steps: [TextDecoder] = []
            for (index, step) in try list(node, "decoders", field).enumerated() { steps.append(try decoder(step, "\(field).decoders[\(index)]")) }
            return .sequence(steps)
        case "Replace":
            guard let pattern = node["pattern"]?["String"]?.string else { throw failure(field + ".pattern", "is not a String, which is what a decoder may replace") }
            return .replace(pattern, with: try text(node, "content", field))
        case "ByteFallback": return .byteFallback
        case "Fuse": return .fuse
        case "Strip":
            let content = try text(node, "content", field)
            guard content.unicodeScalars.count == 1, let scalar = content.unicodeScalars.first else { throw failure(field + ".content", "is not one character") }
            guard let start = node["start"]?.integer, let stop = node["stop"]?.integer, (0...1024).contains(start), (0...1024).contains(stop) else {
                throw failure(field, "start and stop are no small whole numbers")
            }
            return .strip(scalar, start: start, stop: stop)
        case "ByteLevel": return .byteLevel
        case "Metaspace":
            let (replacement, scheme) = try metaspace(node, field)
            return .metaspace(replacement: replacement, strips: scheme != .never)
        case "WordPiece": return .wordPiece(prefix: node["prefix"]?.string ?? "##")
        case let other: throw failure(field + ".type", "the decoder \(other) is not known")
        }
    }

    func addedTokens(_ node: JSONNode?) throws(TokenizerError) -> [AddedTokens.Token] {
        guard let node, !node.isNull else { return [] }
        guard let entries = node.array else { throw failure("added_tokens", "is \(node.kindName), not a list") }
        var tokens: [AddedTokens.Token] = []
        for (index, entry) in entries.enumerated() {
            let field = "added_tokens[\(index)]"
            guard let id = entry["id"]?.integer, let number = Int32(exactly: id), id >= 0 else { throw failure(field + ".id", "is missing or no token id") }
            let content = try text(entry, "content", field)
            if content.isEmpty { throw failure(field + ".content", "is empty") }
            let isSpecial = try flag(entry, "special", field, default: false)
            tokens.append(
                AddedTokens.Token(
                    id: number, content: content, isSpecial: isSpecial, stripsLeft: try flag(entry, "lstrip", field, default: false),
                    stripsRight: try flag(entry, "rstrip", field, default: false), isSingleWord: try flag(entry, "single_word", field, default: false),
                    isNormalized: try flag(entry, "normalized", field, default: !isSpecial)))
        }
        return tokens
    }

    func model(_ node: JSONNode?) throws(TokenizerError) -> BytePairModel {
        guard let node, node.object != nil else { throw failure("model", "is missing or no object") }
        // Old files leave the type out where merges say that it is BPE.
        let type = node["type"]?.string ?? (node["merges"] == nil ? "" : "BPE")
        guard type == "BPE" else { throw failure("model.type", type.isEmpty ? "is missing" : "the model \(type) is not known; BPE is") }
        if let dropout = node["dropout"]?.double, dropout > 0 { throw failure("model.dropout", "\(dropout): random merges are not supported") }
        guard let entries = node["vocab"]?.object else { throw failure("model.vocab", "is missing or no object") }
        var vocabulary: [ExactString: Int32] = [:]
        vocabulary.reserveCapacity(entries.count)
        for entry in entries {
            guard let number = entry.node.integer, number >= 0, let id = Int32(exactly: number) else {
                throw failure("model.vocab", "the id of \"\(entry.key.prefix(40))\" is not a token id")
            }
            vocabulary[ExactString(entry.key)] = id
        }
        guard let lines = node["merges"]?.array else { throw failure("model.merges", "is missing or no list") }
        var merges: [(String, String)] = []
        merges.reserveCapacity(lines.count)
        for (index, line) in lines.enumerated() {
            if let text = line.string {
                let parts = text.split(separator: " ", omittingEmptySubsequences: false)
                guard parts.count == 2 else { throw failure("model.merges[\(index)]", "is not two tokens with a space between") }
                merges.append((String(parts[0]), String(parts[1])))
            } else if let pair = line.array, pair.count == 2, let left = pair[0].string, let right = pair[1].string {
                merges.append((left, right))
            } else {
                throw failure("model.merges[\(index)]", "is not a pair of tokens")
            }
        }
        do throws(TokenizerModelError) {
            return try BytePairModel(
                vocabulary: vocabulary, merges: merges, unknownToken: node["unk_token"]?.string, fusesUnknown: try flag(node, "fuse_unk"),
                usesByteFallback: try flag(node, "byte_fallback"), ignoresMerges: try flag(node, "ignore_merges"),
                continuingPrefix: node["continuing_subword_prefix"]?.string ?? "", endOfWordSuffix: node["end_of_word_suffix"]?.string ?? "")
        } catch {
            throw failure("model", error.message)
        }
    }

    private func flag(_ node: JSONNode, _ key: String) throws(TokenizerModelError) -> Bool {
        guard let found = node[key], !found.isNull else { return false }
        guard let flag = found.bool else { throw TokenizerModelError(message: "\(key) is \(found.kindName), not true or false") }
        return flag
    }

    /// What is put before and after a text when special tokens are asked for.
    func template(_ node: JSONNode?, _ field: String) throws(TokenizerError) -> (before: [Int32], after: [Int32]) {
        guard let node, !node.isNull else { return ([], []) }
        switch try type(node, field) {
        case "ByteLevel": return ([], [])
        case "Sequence":
            var result: (before: [Int32], after: [Int32]) = ([], [])
            for (index, step) in try list(node, "processors", field).enumerated() {
                let part = try template(step, "\(field).processors[\(index)]")
                result.before = part.before + result.before
                result.after += part.after
            }
            return result
        case "TemplateProcessing":
            var result: (before: [Int32], after: [Int32]) = ([], [])
            var seen = false
            for (index, item) in try list(node, "single", field).enumerated() {
                if item["Sequence"] != nil {
                    seen = true
                } else if let name = item["SpecialToken"]?["id"]?.string {
                    guard let ids = node["special_tokens"]?[name]?["ids"]?.array else { throw failure("\(field).special_tokens", "\(name) is missing") }
                    for id in ids {
                        guard let number = id.integer, let token = Int32(exactly: number) else { throw failure("\(field).special_tokens.\(name)", "holds no token ids") }
                        if seen { result.after.append(token) } else { result.before.append(token) }
                    }
                } else {
                    throw failure("\(field).single[\(index)]", "is neither a Sequence nor a SpecialToken")
                }
            }
            return result
        case let other: throw failure(field + ".type", "the post-processor \(other) is not known")
        }
    }
}
