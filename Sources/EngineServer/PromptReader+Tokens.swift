import JSON
import Tokenization

extension PromptReader {
    /// What the tokenizer and the template say: members of an answer.
    func tokens(_ message: JSONNode, contextLength: Int) throws(RequestFault) -> [JSONMember] {
        let tokenizer = encoder.tokenizer
        switch message["type"]?.string {
        case "tokenize":
            let ids = try prompt(message["prompt"] ?? .null)
            let texts = ids.map { JSONNode(String(decoding: tokenizer.bytes(of: $0), as: UTF8.self)) }
            return [
                JSONMember("ids", JSONNode(ids.map { JSONNode(Int($0)) })), JSONMember("texts", JSONNode(texts)),
                JSONMember("context_length", JSONNode(contextLength)),
            ]
        case "detokenize":
            let ids = try (message["ids"]?.array ?? []).map { id throws(RequestFault) in
                guard let id = id.integer.flatMap({ Int32(exactly: $0) }), tokenizer.token(of: id) != nil else {
                    throw RequestFault("invalid_value", "\(JSONWriter().string(id)) is no token id of this model", parameter: "tokens")
                }
                return id
            }
            return [JSONMember("text", JSONNode(tokenizer.decode(ids, skipSpecialTokens: false)))]
        case "render": return [JSONMember("text", JSONNode(try rendered(message["prompt"] ?? .null)))]
        default:
            func text(_ token: String?) -> JSONNode { token.map { JSONNode($0) } ?? .null }
            return [
                JSONMember("tokenizer_class", "tala"), JSONMember("vocab_size", JSONNode(tokenizer.vocabularySize)),
                JSONMember("bos_token", text(encoder.beginToken)), JSONMember("eos_token", text(encoder.endToken)),
                JSONMember("pad_token", text(encoder.specialTokens.padding ?? encoder.endToken)),
                JSONMember("eos_token_ids", JSONNode(encoder.endIDs.sorted().map { JSONNode(Int($0)) })),
                JSONMember("chat_template", text(encoder.chatTemplate)),
                JSONMember("model_max_length", JSONNode(contextLength)),
            ]
        }
    }
}
