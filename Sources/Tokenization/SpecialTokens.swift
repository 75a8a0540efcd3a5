import Foundation
import JSON

/// The tokens with a meaning of their own, as the files of a model folder name them.
///
/// The texts come from tokenizer_config.json, then special_tokens_map.json; ids from the tokenizer, and from generation_config.json and config.json where
/// no text is given.
package struct SpecialTokens: Sendable, Hashable {
    /// Begin-of-sequence, for example `<s>`.
    package var begin: String?
    /// End-of-sequence, for example `</s>` or `<|endoftext|>`.
    package var end: String?
    package var padding: String?
    package var unknown: String?
    package var beginID: Int32?
    package var endID: Int32?
    package var paddingID: Int32?
    /// Ids at which generation stops: the end-of-sequence token and those that generation_config.json lists, in ascending order.
    package var stopIDs: [Int32]

    package init() {
        stopIDs = []
    }

    init(configuration: TokenizerConfiguration, tokenizer: Tokenizer) {
        begin = configuration.begin
        end = configuration.end
        padding = configuration.padding
        unknown = configuration.unknown
        beginID = begin.flatMap { tokenizer.id(of: $0) } ?? configuration.beginID
        endID = end.flatMap { tokenizer.id(of: $0) } ?? configuration.endIDs.first
        paddingID = padding.flatMap { tokenizer.id(of: $0) } ?? configuration.paddingID
        stopIDs = Set(configuration.endIDs + (endID.map { [$0] } ?? [])).sorted()
    }
}

/// What tokenizer_config.json and the files beside it say about a tokenizer: special tokens and the chat template.
struct TokenizerConfiguration {
    var begin: String?
    var end: String?
    var padding: String?
    var unknown: String?
    var beginID: Int32?
    var paddingID: Int32?
    /// Tokens that end generation.
    var endIDs: [Int32] = []
    var chatTemplate: String?
    /// Where the template was found, for messages.
    var chatTemplateFile: String?

    /// - Throws: ``TokenizerError``. Missing files are no error.
    init(folder: String) throws(TokenizerError) {
        for name in ["tokenizer_config.json", "special_tokens_map.json"] {
            guard let file = try Self.read(folder + "/" + name) else { continue }
            begin = begin ?? Self.token(file["bos_token"])
            end = end ?? Self.token(file["eos_token"])
            padding = padding ?? Self.token(file["pad_token"])
            unknown = unknown ?? Self.token(file["unk_token"])
            if chatTemplate == nil, let text = try Self.template(file["chat_template"], file: folder + "/" + name) {
                chatTemplate = text
                chatTemplateFile = folder + "/" + name
            }
        }
        for path in [folder + "/chat_template.jinja", folder + "/chat_template.json"] {
            guard FileManager.default.fileExists(atPath: path) else { continue }
            if path.hasSuffix(".json") {
                guard chatTemplate == nil, let text = try Self.template(try Self.read(path)?["chat_template"], file: path) else { continue }
                chatTemplate = text
            } else {
                guard let text = String(validating: try TokenizerReader.contents(of: path, limit: 4), as: UTF8.self) else {
                    throw TokenizerError(file: path, "is not text")
                }
                chatTemplate = text
            }
            chatTemplateFile = path
        }
        for name in ["generation_config.json", "config.json"] {
            guard let file = try Self.read(folder + "/" + name) else { continue }
            if endIDs.isEmpty, let ends = file["eos_token_id"] {
                endIDs = (ends.array ?? [ends]).compactMap { $0.integer.flatMap { Int32(exactly: $0) } }
            }
            beginID = beginID ?? file["bos_token_id"]?.integer.flatMap { Int32(exactly: $0) }
            paddingID = paddingID ?? file["pad_token_id"]?.integer.flatMap { Int32(exactly: $0) }
        }
    }

    private static func read(_ path: String) throws(TokenizerError) -> JSONNode? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let bytes = try TokenizerReader.contents(of: path, limit: 64)
        do throws(JSONError) { return try JSONParser().parse(bytes) } catch {
            let place = JSONPosition(of: error.offset, in: bytes)
            throw TokenizerError(file: path, "line \(place.line), column \(place.column): \(error)")
        }
    }

    /// A special token is its text, or an object that holds it.
    private static func token(_ node: JSONNode?) -> String? { node?.string ?? node?["content"]?.string }

    /// One template, or several with names, of which `default` is the one for chats.
    private static func template(_ node: JSONNode?, file: String) throws(TokenizerError) -> String? {
        guard let node, !node.isNull else { return nil }
        if let text = node.string { return text }
        guard let named = node.array else {
            throw TokenizerError(file: file, field: "chat_template", "is \(node.kindName), neither a string nor a list")
        }
        guard let chosen = named.first(where: { $0["name"]?.string == "default" }) ?? named.first else { return nil }
        guard let text = chosen["template"]?.string else {
            throw TokenizerError(
                file: file, field: "chat_template", "lists templates, but one of them has no \"template\" that is a string")
        }
        return text
    }
}
