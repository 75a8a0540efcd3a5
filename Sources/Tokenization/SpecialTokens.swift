import Foundation
import JSON

/// What tokenizer_config.json and generation_config.json say about a tokenizer: special tokens and the chat template.
struct TokenizerConfiguration {
    var beginToken: String?
    var endToken: String?
    var chatTemplate: String?
    /// Tokens that end generation.
    var endIDs: [Int32] = []

    /// - Throws: ``TokenizerError``. Missing files are no error.
    init(folder: String) throws(TokenizerError) {
        if let config = try Self.read(folder + "/tokenizer_config.json") {
            beginToken = Self.token(config["bos_token"])
            endToken = Self.token(config["eos_token"])
            chatTemplate = try Self.template(config["chat_template"], file: folder + "/tokenizer_config.json")
        }
        let path = folder + "/chat_template.jinja"
        if FileManager.default.fileExists(atPath: path) {
            guard let data = FileManager.default.contents(atPath: path), data.count <= 4 << 20, let text = String(validating: data, as: UTF8.self) else {
                throw TokenizerError(file: path, "is not readable text of at most 4 MiB")
            }
            chatTemplate = text
        }
        if let generation = try Self.read(folder + "/generation_config.json"), let ends = generation["eos_token_id"] {
            endIDs = (ends.array ?? [ends]).compactMap { $0.integer.flatMap { Int32(exactly: $0) } }
        }
    }

    private static func read(_ path: String) throws(TokenizerError) -> JSONNode? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        guard let data = FileManager.default.contents(atPath: path), data.count <= 64 << 20 else { throw TokenizerError(file: path, "cannot be read") }
        let bytes = Array(data)
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
        guard let named = node.array else { throw TokenizerError(file: file, field: "chat_template", "is \(node.kindName), neither a string nor a list") }
        return (named.first { $0["name"]?.string == "default" } ?? named.first)?["template"]?.string
    }
}
