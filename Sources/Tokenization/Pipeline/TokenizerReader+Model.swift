import JSON

extension TokenizerReader {
    /// - Parameter endsInBytes: whether the pre-tokenizer's last step writes bytes in GPT-2's
    ///   alphabet.
    func model(_ node: JSONNode?, endsInBytes: Bool) throws(TokenizerError) -> TokenizerModel {
        guard let node, node.object != nil else { throw failure("model", node.map { "is \($0.kindName), not an object" } ?? "is missing") }
        let type = node["type"]?.string ?? inferredType(node)
        do throws(TokenizerModelError) {
            switch type {
            case "BPE": return .bytePair(try bytePair(node, endsInBytes))
            case "Unigram": return .unigram(try unigram(node))
            case "WordPiece":
                guard let limit = (node["max_input_chars_per_word"] ?? 100).integer else {
                    throw wrong("max_input_chars_per_word", "is not a whole number")
                }
                return .wordPiece(
                    try WordPieceModel(
                        try vocabulary(node), unknownToken: try optionalText(node, "unk_token") ?? "[UNK]",
                        continuingPrefix: try optionalText(node, "continuing_subword_prefix") ?? "##", characterLimit: limit))
            case "WordLevel":
                return .wordLevel(WordLevelModel(try vocabulary(node), unknownToken: try optionalText(node, "unk_token") ?? "<unk>"))
            case "": throw wrong("type", "is missing")
            default: throw wrong("type", "the model \(type) is not known; BPE, Unigram, WordPiece and WordLevel are")
            }
        } catch {
            throw failure("model" + (error.field.map { "." + $0 } ?? ""), error.message)
        }
    }

    /// Old files leave the type out.
    private func inferredType(_ node: JSONNode) -> String {
        if node["merges"] != nil { return "BPE" }
        if node["vocab"]?.array != nil { return "Unigram" }
        return node["continuing_subword_prefix"] != nil || node["max_input_chars_per_word"] != nil ? "WordPiece" : ""
    }

    private func wrong(_ field: String, _ message: String) -> TokenizerModelError { TokenizerModelError(field: field, message: message) }

    private func optionalText(_ node: JSONNode, _ key: String) throws(TokenizerModelError) -> String? {
        guard let found = node[key], !found.isNull else { return nil }
        guard let text = found.string else { throw wrong(key, "is \(found.kindName), not a string") }
        return text
    }

    private func flag(_ node: JSONNode, _ key: String) throws(TokenizerModelError) -> Bool {
        guard let found = node[key], !found.isNull else { return false }
        guard let flag = found.bool else { throw wrong(key, "is \(found.kindName), not true or false") }
        return flag
    }

    private func vocabulary(_ node: JSONNode) throws(TokenizerModelError) -> Vocabulary {
        guard let found = node["vocab"] else { throw wrong("vocab", "is missing") }
        guard let entries = found.object else { throw wrong("vocab", "is \(found.kindName), not an object") }
        var ids: [ExactString: Int32] = [:]
        ids.reserveCapacity(entries.count)
        var textOfID: [Int32: String] = [:]
        textOfID.reserveCapacity(entries.count)
        for entry in entries {
            guard let number = entry.node.integer else { throw wrong("vocab.\(entry.key)", "is \(entry.node.kindName), not a token id") }
            guard number >= 0, let id = Int32(exactly: number) else { throw wrong("vocab.\(entry.key)", "\(number) is not a token id") }
            if let other = textOfID.updateValue(entry.key, forKey: id) {
                throw wrong("vocab.\(entry.key)", "has the id \(id), which is that of \"\(other)\"")
            }
            ids[ExactString(entry.key)] = id
        }
        return Vocabulary(ids)
    }

    private func bytePair(_ node: JSONNode, _ endsInBytes: Bool) throws(TokenizerModelError) -> BytePairModel {
        if let dropout = node["dropout"]?.double, dropout > 0 {
            throw wrong("dropout", "\(dropout): random merges are not supported; set it to null")
        }
        let vocabulary = try vocabulary(node)
        guard let lines = node["merges"]?.array else { throw wrong("merges", "is missing or is not a list") }
        var merges: [(String, String)] = []
        merges.reserveCapacity(lines.count)
        for (index, line) in lines.enumerated() {
            if let text = line.string {
                let parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
                // Files that were made from merges.txt may begin with its first line.
                if index == 0, text.hasPrefix("#version") { continue }
                guard parts.count == 2 else {
                    throw wrong("merges[\(index)]", "\"\(text.prefix(60))\" is not two tokens with a space between")
                }
                merges.append((String(decoding: parts[0], as: UTF8.self), String(decoding: parts[1], as: UTF8.self)))
            } else if let pair = line.array, pair.count == 2, let left = pair[0].string, let right = pair[1].string {
                merges.append((left, right))
            } else {
                throw wrong("merges[\(index)]", "is not a pair of tokens")
            }
        }
        var options = BytePairModel.Options()
        options.unknownToken = try optionalText(node, "unk_token")
        options.fusesUnknown = try flag(node, "fuse_unk")
        options.usesByteFallback = try flag(node, "byte_fallback")
        options.ignoresMerges = try flag(node, "ignore_merges")
        options.continuingPrefix = try optionalText(node, "continuing_subword_prefix") ?? ""
        options.endOfWordSuffix = try optionalText(node, "end_of_word_suffix") ?? ""
        return try BytePairModel(vocabulary, merges: merges, options, endsInBytes: endsInBytes)
    }

    private func unigram(_ node: JSONNode) throws(TokenizerModelError) -> UnigramModel {
        guard let entries = node["vocab"]?.array else { throw wrong("vocab", "is missing or is not a list") }
        var pieces: [(text: String, score: Double)] = []
        pieces.reserveCapacity(entries.count)
        for (index, entry) in entries.enumerated() {
            guard let pair = entry.array, pair.count == 2, let text = pair[0].string, let score = pair[1].double else {
                throw wrong("vocab[\(index)]", "is not a piece with its score")
            }
            pieces.append((text, score))
        }
        var unknownID: Int32?
        if let found = node["unk_id"], !found.isNull {
            guard let number = found.integer, let id = Int32(exactly: number) else { throw wrong("unk_id", "is not a token id") }
            unknownID = id
        }
        return try UnigramModel(pieces, unknownID: unknownID, usesByteFallback: try flag(node, "byte_fallback"))
    }
}
