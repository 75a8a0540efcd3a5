import Glibc
import JSON

extension TokenizerReader {
    /// The bytes of a file of at most `limit` MiB.
    static func contents(of path: String, limit: Int = 256) throws(TokenizerError) -> [UInt8] {
        func failure(_ what: String) -> TokenizerError {
            let number = errno
            return TokenizerError(file: path, errorNumber: number, "cannot be \(what): \(String(cString: strerror(number)))")
        }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure("opened") }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(file, &buffer, buffer.count)
            guard count >= 0 else { throw failure("read") }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
            guard bytes.count <= limit << 20 else { throw TokenizerError(file: path, "is larger than \(limit) MiB") }
        }
    }

    /// The added tokens with the ids that the reference library gives them: that of the vocabulary
    /// where it has the text, else the next free one behind the vocabulary in the order of the
    /// file. In files that the library wrote these are the ids that stand there; in others it
    /// passes over them.
    func addedTokens(_ node: JSONNode?, _ vocabulary: Vocabulary) throws(TokenizerError) -> [AddedTokens.Token] {
        guard let node, !node.isNull else { return [] }
        guard let entries = node.array else { throw failure("added_tokens", "is \(node.kindName), not a list") }
        var tokens: [AddedTokens.Token] = []
        var ids: [ExactString: Int32] = [:]
        var places: [Int32: Int] = [:]
        let vocabularyCount = Int32(truncatingIfNeeded: vocabulary.ids.count)
        var largest: Int32 = -1
        for (index, entry) in entries.enumerated() {
            let field = "added_tokens[\(index)]"
            guard entry.object != nil else { throw failure(field, "is \(entry.kindName), not an object") }
            guard let found = entry["id"] else { throw failure(field + ".id", "is missing") }
            guard let number = found.integer, Int32(exactly: number) != nil, number >= 0 else {
                throw failure(field + ".id", "is not a token id")
            }
            let content = try text(entry, "content", field)
            let isSpecial = try flag(entry, "special", field, default: false)
            if content.isEmpty { continue }
            let id =
                vocabulary.id(of: content) ?? ids[ExactString(content)]
                ?? (largest >= vocabularyCount || vocabularyCount == 0 ? largest + 1 : vocabularyCount)
            ids[ExactString(content)] = id
            largest = max(largest, id)
            var token = AddedTokens.Token(
                id: id, content: content, isSpecial: isSpecial,
                stripsLeft: try flag(entry, "lstrip", field, default: false),
                stripsRight: try flag(entry, "rstrip", field, default: false),
                isSingleWord: try flag(entry, "single_word", field, default: false),
                isNormalized: try flag(entry, "normalized", field, default: !isSpecial))
            if let place = places[id] {
                // Of two declarations of one token the later counts, but what was special once
                // stays so.
                token.isSpecial = isSpecial || tokens[place].isSpecial
                tokens[place] = token
            } else {
                places[id] = tokens.count
                tokens.append(token)
            }
        }
        return tokens
    }

    func postProcessor(_ node: JSONNode?, _ field: String) throws(TokenizerError) -> PostProcessor {
        guard let node, !node.isNull else { return PostProcessor() }
        switch try type(node, field) {
        case "ByteLevel": return PostProcessor()
        case "BertProcessing", "RobertaProcessing":
            return PostProcessor(before: [try namedID(node, "cls", field)], after: [try namedID(node, "sep", field)])
        case "Sequence":
            var result = PostProcessor()
            for (index, step) in try list(node, "processors", field).enumerated() {
                result = result.wrapped(in: try postProcessor(step, "\(field).processors[\(index)]"))
            }
            return result
        case "TemplateProcessing": return try template(node, field)
        case let other: throw failure(field + ".type", "the post-processor \(other) is not known")
        }
    }

    /// A token as a pair of text and id.
    private func namedID(_ node: JSONNode, _ key: String, _ field: String) throws(TokenizerError) -> Int32 {
        guard let pair = node[key]?.array, pair.count == 2, let number = pair[1].integer, let id = Int32(exactly: number), id >= 0 else {
            throw failure("\(field).\(key)", "is not a token with its id")
        }
        return id
    }

    private func template(_ node: JSONNode, _ field: String) throws(TokenizerError) -> PostProcessor {
        var result = PostProcessor()
        var seen = false
        for (index, item) in try list(node, "single", field).enumerated() {
            if let sequence = item["Sequence"] {
                guard sequence["id"]?.string == "A", !seen else {
                    throw failure("\(field).single[\(index)]", "the text may stand there once, as A")
                }
                seen = true
            } else if let name = item["SpecialToken"]?["id"]?.string {
                guard let ids = node["special_tokens"]?[name]?["ids"]?.array else {
                    throw failure("\(field).special_tokens", "\(name) is missing")
                }
                for id in ids {
                    guard let number = id.integer, let token = Int32(exactly: number), token >= 0 else {
                        throw failure("\(field).special_tokens.\(name)", "contains an entry that is not a token id")
                    }
                    if seen { result.after.append(token) } else { result.before.append(token) }
                }
            } else {
                throw failure("\(field).single[\(index)]", "is neither a Sequence nor a SpecialToken")
            }
        }
        guard seen else { throw failure("\(field).single", "has no place for the text") }
        return result
    }
}
