import JSON

/// `logprobs` of `/v1/completions`: lists side by side.
enum LegacyProbabilities {
    static func withoutProbability(_ token: JSONNode) -> JSONNode {
        JSONNode((token.object ?? []).filter { $0.key != "logprob" } + [JSONMember("logprob", nil)])
    }

    /// - Parameter offset: characters before the first token.
    static func node(_ tokens: [JSONNode], offset: Int) -> JSONNode {
        var (texts, numbers, tops, offsets): ([JSONNode], [JSONNode], [JSONNode], [JSONNode]) = ([], [], [], [])
        var place = offset
        for token in tokens {
            let text = token["token"]?.string ?? ""
            texts.append(JSONNode(text))
            numbers.append(token["logprob"] ?? .null)
            offsets.append(JSONNode(place))
            place += text.unicodeScalars.count
            if let top = token["top"]?.array {
                // Tokens with one text are one member; the likelier counts.
                var members: [JSONMember] = []
                for entry in top where !members.contains(where: { $0.key == entry["token"]?.string }) {
                    members.append(JSONMember(entry["token"]?.string ?? "", entry["logprob"] ?? .null))
                }
                tops.append(JSONNode(members))
            } else {
                tops.append(.null)
            }
        }
        return [
            "tokens": JSONNode(texts), "token_logprobs": JSONNode(numbers), "top_logprobs": JSONNode(tops),
            "text_offset": JSONNode(offsets),
        ]
    }
}
