import Foundation
import JSON

/// Reads the components of a tokenizer.json, naming the one that is not known or not right.
struct TokenizerReader {
    let file: String

    func failure(_ field: String, _ message: String) -> TokenizerError { TokenizerError(file: file, field: field, message) }

    func type(_ node: JSONNode, _ field: String) throws(TokenizerError) -> String {
        guard node.object != nil else { throw failure(field, "is \(node.kindName), not an object") }
        guard let type = node["type"]?.string else { throw failure(field + ".type", "is missing or is not a string") }
        return type
    }

    func list(_ node: JSONNode, _ key: String, _ field: String) throws(TokenizerError) -> [JSONNode] {
        guard let elements = node[key]?.array else { throw failure("\(field).\(key)", "is missing or is not a list") }
        return elements
    }

    func flag(_ node: JSONNode, _ key: String, _ field: String, default value: Bool) throws(TokenizerError) -> Bool {
        guard let found = node[key], !found.isNull else { return value }
        guard let flag = found.bool else { throw failure("\(field).\(key)", "is \(found.kindName), not true or false") }
        return flag
    }

    func text(_ node: JSONNode, _ key: String, _ field: String) throws(TokenizerError) -> String {
        guard let text = node[key]?.string else { throw failure("\(field).\(key)", "is missing or is not a string") }
        return text
    }

    private func scalar(_ node: JSONNode, _ key: String, _ field: String) throws(TokenizerError) -> Unicode.Scalar {
        let scalars = try text(node, key, field).unicodeScalars
        guard let scalar = scalars.first, scalars.count == 1 else { throw failure("\(field).\(key)", "is not one character") }
        return scalar
    }

    private func finder(_ node: JSONNode, _ field: String) throws(TokenizerError) -> Finder {
        guard let pattern = node["pattern"] else { throw failure(field + ".pattern", "is missing") }
        // The oldest files have the text itself.
        if let text = pattern.string ?? pattern["String"]?.string { return .string(Array(text.utf8)) }
        guard let expression = pattern["Regex"]?.string else { throw failure(field + ".pattern", "is neither a String nor a Regex") }
        do throws(PatternError) { return .pattern(try Pattern(expression)) } catch {
            throw failure(field + ".pattern.Regex", "\(error)")
        }
    }

    func normalizer(_ node: JSONNode?, _ field: String) throws(TokenizerError) -> Normalizer {
        guard let node, !node.isNull else { return .nothing }
        switch try type(node, field) {
        case "Sequence":
            var steps: [Normalizer] = []
            for (index, step) in try list(node, "normalizers", field).enumerated() {
                steps.append(try normalizer(step, "\(field).normalizers[\(index)]"))
            }
            return .sequence(steps)
        case "Prepend": return .prepend(try text(node, "prepend", field))
        case "Replace": return .replace(try finder(node, field), with: try text(node, "content", field))
        case "NFC": return .unicode(.nfc)
        case "NFD": return .unicode(.nfd)
        case "NFKC": return .unicode(.nfkc)
        case "NFKD": return .unicode(.nfkd)
        case "Nmt": return .nmt
        case "ByteLevel": return .byteLevel
        case "BertNormalizer":
            return .bert(
                BertNormalizer(
                    cleansText: try flag(node, "clean_text", field, default: true),
                    spacesChinese: try flag(node, "handle_chinese_chars", field, default: true),
                    stripsAccents: node["strip_accents"]?.bool, lowercases: try flag(node, "lowercase", field, default: true)))
        case "Precompiled":
            guard let data = Data(base64Encoded: try text(node, "precompiled_charsmap", field)),
                let table = PrecompiledCharacters(Array(data))
            else {
                throw failure(field + ".precompiled_charsmap", "is not a table of characters")
            }
            return .precompiled(table)
        case "Lowercase": return .lowercase
        case "Strip":
            return .strip(
                left: try flag(node, "strip_left", field, default: true), right: try flag(node, "strip_right", field, default: true))
        case "StripAccents": return .stripAccents
        case let other: throw failure(field + ".type", "the normalizer \(other) is not known")
        }
    }

    func preTokenizer(_ node: JSONNode?, _ field: String) throws(TokenizerError) -> PreTokenizer {
        guard let node, !node.isNull else { return .nothing }
        switch try type(node, field) {
        case "Sequence":
            var steps: [PreTokenizer] = []
            for (index, step) in try list(node, "pretokenizers", field).enumerated() {
                steps.append(try preTokenizer(step, "\(field).pretokenizers[\(index)]"))
            }
            return .sequence(steps)
        case "Split":
            return .split(try finder(node, field), try behavior(node, field), isInverted: try flag(node, "invert", field, default: false))
        case "ByteLevel":
            return .byteLevel(
                addsPrefixSpace: try flag(node, "add_prefix_space", field, default: true),
                usesExpression: try flag(node, "use_regex", field, default: true),
                mapsBytes: true)
        case "Metaspace":
            let (replacement, scheme) = try metaspace(node, field)
            return .metaspace(replacement: replacement, scheme: scheme, splits: try flag(node, "split", field, default: true))
        case "Digits": return .digits(areIndividual: try flag(node, "individual_digits", field, default: false))
        case "Punctuation": return .punctuation(node["behavior"] == nil ? .isolated : try behavior(node, field))
        case "Whitespace": return .whitespace
        case "WhitespaceSplit": return .whitespaceSplit
        case "BertPreTokenizer": return .bert
        case "CharDelimiterSplit": return .delimiter(try scalar(node, "delimiter", field))
        case "FixedLength":
            guard let length = (node["length"] ?? 5).integer, length > 0 else {
                throw failure(field + ".length", "is not a whole number above 0")
            }
            return .fixedLength(length)
        case let other: throw failure(field + ".type", "the pre-tokenizer \(other) is not known")
        }
    }

    private func behavior(_ node: JSONNode, _ field: String) throws(TokenizerError) -> SplitBehavior {
        let name = try text(node, "behavior", field)
        guard let behavior = SplitBehavior(rawValue: name) else { throw failure(field + ".behavior", "\(name) is not known") }
        return behavior
    }

    private func metaspace(_ node: JSONNode, _ field: String) throws(TokenizerError) -> (Unicode.Scalar, PreTokenizer.PrependScheme) {
        let text = node["replacement"]?.string ?? "▁"
        guard text.unicodeScalars.count == 1, let replacement = text.unicodeScalars.first else {
            throw failure(field + ".replacement", "is not one character")
        }
        if let name = node["prepend_scheme"]?.string {
            guard let scheme = PreTokenizer.PrependScheme(rawValue: name) else {
                throw failure(field + ".prepend_scheme", "\(name) is not known")
            }
            return (replacement, scheme)
        }
        return (replacement, try flag(node, "add_prefix_space", field, default: true) ? .always : .never)
    }

    func decoder(_ node: JSONNode?, _ field: String) throws(TokenizerError) -> TextDecoder {
        guard let node, !node.isNull else { return .nothing }
        switch try type(node, field) {
        case "Sequence":
            var steps: [TextDecoder] = []
            for (index, step) in try list(node, "decoders", field).enumerated() {
                steps.append(try decoder(step, "\(field).decoders[\(index)]"))
            }
            return .sequence(steps)
        case "Replace":
            return .replace(try finder(node, field), with: try text(node, "content", field))
        case "ByteFallback": return .byteFallback
        case "Fuse": return .fuse
        case "Strip":
            let scalar = try scalar(node, "content", field)
            guard let start = node["start"]?.integer, let stop = node["stop"]?.integer, (0...1024).contains(start),
                (0...1024).contains(stop)
            else {
                throw failure(field, "start and stop are not small whole numbers")
            }
            return .strip(scalar, start: start, stop: stop)
        case "ByteLevel": return .byteLevel
        case "Metaspace":
            let (replacement, scheme) = try metaspace(node, field)
            return .metaspace(replacement: replacement, strips: scheme != .never)
        case "WordPiece":
            return .wordPiece(prefix: node["prefix"]?.string ?? "##", cleansUp: try flag(node, "cleanup", field, default: true))
        case "BPEDecoder": return .suffix(node["suffix"]?.string ?? "</w>")
        case "CTC":
            return .ctc(
                padding: node["pad_token"]?.string ?? "<pad>", delimiter: node["word_delimiter_token"]?.string ?? "|",
                cleansUp: try flag(node, "cleanup", field, default: true))
        case let other: throw failure(field + ".type", "the decoder \(other) is not known")
        }
    }
}
