import Constraints
import Engine
import JSON
import Tokenization

/// What an engine says to the front.
struct Replies {
    let tokenizer: Tokenizer

    static func fault(_ fault: RequestFault, id: Int) -> JSONNode {
        [
            "type": "error", "id": JSONNode(id), "code": JSONNode(fault.code), "message": JSONNode(fault.message),
            "param": fault.parameter.map { JSONNode($0) } ?? .null,
        ]
    }

    static func result(id: Int, _ members: [JSONMember]) -> JSONNode {
        JSONNode([JSONMember("type", "result"), JSONMember("id", JSONNode(id))] + members)
    }

    func token(_ answer: AnswerToken, id: Int) -> JSONNode {
        var members: [JSONMember] = [
            JSONMember("type", "token"), JSONMember("id", JSONNode(id)), JSONMember("choice", JSONNode(answer.choice)),
            JSONMember("text", JSONNode(answer.text)),
        ]
        if !answer.calls.isEmpty { members.append(JSONMember("calls", JSONNode(answer.calls.map(Self.call)))) }
        if let probabilities = answer.probabilities { members.append(JSONMember("logprobs", entry(probabilities))) }
        return JSONNode(members)
    }

    private static func call(_ piece: CallPiece) -> JSONNode {
        var members = [JSONMember("index", JSONNode(piece.index)), JSONMember("arguments", JSONNode(piece.arguments))]
        if let name = piece.name { members.append(JSONMember("name", JSONNode(name))) }
        return JSONNode(members)
    }

    /// Tokens of a prompt that one message tells of: each may have twenty others beside it.
    private static let promptPiece = 512

    /// The probabilities of a prompt, in one message or several; of a prompt of one token there are
    /// none.
    func prompt(_ scored: [TokenProbabilities], id: Int, first: Int32) -> [JSONNode] {
        let begin = named(.init(token: first, logProbability: 0))
        return stride(from: 0, to: max(1, scored.count), by: Self.promptPiece).map { start in
            let piece = scored[start..<min(scored.count, start + Self.promptPiece)]
            return ["type": "prompt", "id": JSONNode(id), "first": begin, "tokens": JSONNode(piece.map(entry))]
        }
    }

    /// A request has been taken: so many tokens are asked about.
    static func taken(id: Int, prompt: Int) -> JSONNode {
        ["type": "taken", "id": JSONNode(id), "prompt_tokens": JSONNode(prompt)]
    }

    static func finished(id: Int, choice: Int, reason: FinishReason, text: String) -> JSONNode {
        [
            "type": "finished", "id": JSONNode(id), "choice": JSONNode(choice), "reason": JSONNode(reason.rawValue), "text": JSONNode(text),
        ]
    }

    static func done(id: Int, _ totals: RequestTotals) -> JSONNode {
        [
            "type": "done", "id": JSONNode(id), "prompt_tokens": JSONNode(totals.promptTokens),
            "cached_tokens": JSONNode(totals.cachedTokens), "completion_tokens": JSONNode(totals.answerTokens),
            "guessed_tokens": JSONNode(totals.guessedTokens), "accepted_tokens": JSONNode(totals.acceptedTokens),
        ]
    }

    private func entry(_ probabilities: TokenProbabilities) -> JSONNode {
        var members = named(probabilities.token).object ?? []
        members.append(JSONMember("top", JSONNode(probabilities.top.map(named))))
        return JSONNode(members)
    }

    private func named(_ entry: TokenProbabilities.Entry) -> JSONNode {
        let bytes = tokenizer.bytes(of: entry.token)
        return [
            "token_id": JSONNode(Int(entry.token)), "token": JSONNode(String(decoding: bytes, as: UTF8.self)),
            "bytes": JSONNode(bytes.map { JSONNode(Int($0)) }), "logprob": JSONNode(entry.logProbability),
        ]
    }
}
