package import JSON

/// A request about tokens, checked. Names of fields are those of llama.cpp's server and of vLLM.
package struct TokenRequest: Sendable {
    /// Nil: the only deployment that there is, as lm-evaluation-harness asks.
    package var model: String?
    /// What an engine takes: a prompt, or a list of token ids.
    package var prompt: JSONNode
    /// Whether texts stand beside the ids.
    package var withPieces = false

    /// - Throws: ``APIError``.
    package static func tokenize(_ body: JSONNode) throws(APIError) -> TokenRequest {
        var fields = try FieldReader(body)
        let model = try fields.string("model")
        let texts = [try fields.string("content"), try fields.string("prompt")].compactMap { $0 }
        let messages = fields.take("messages")
        guard texts.count + (messages == nil ? 0 : 1) == 1 else {
            throw APIError(
                400, "One of content, prompt and messages must be given.", parameter: "content", code: "missing_required_parameter")
        }
        let flags = [try fields.flag("add_special_tokens"), try fields.flag("add_special")].compactMap { $0 }
        let addsSpecial = flags.first ?? true
        let withPieces = try fields.flag("with_pieces") ?? false
        _ = try fields.flag("return_token_strs")
        try fields.unsupported("parse_special", unless: [true])
        try fields.unsupported("add_generation_prompt", unless: [true])
        try fields.finish()
        guard let messages else {
            return TokenRequest(
                model: model, prompt: ["text": JSONNode(texts[0]), "add_special_tokens": JSONNode(addsSpecial)], withPieces: withPieces)
        }
        try MessageReader.check(messages)
        return TokenRequest(model: model, prompt: ["messages": MessageReader.flattened(messages)], withPieces: withPieces)
    }

    /// - Throws: ``APIError``.
    package static func detokenize(_ body: JSONNode) throws(APIError) -> TokenRequest {
        var fields = try FieldReader(body)
        let model = try fields.string("model")
        guard let tokens = fields.take("tokens"), tokens.array?.allSatisfy({ $0.integer != nil }) ?? false else {
            throw APIError(400, "tokens must be a list of token ids.", parameter: "tokens", code: "invalid_type")
        }
        try fields.finish()
        return TokenRequest(model: model, prompt: tokens)
    }
}
