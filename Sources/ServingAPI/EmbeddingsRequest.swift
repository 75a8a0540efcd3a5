package import JSON

/// A request of `/v1/embeddings`, checked.
package struct EmbeddingsRequest: Sendable {
    package var model: String
    /// What an engine takes as prompts.
    package var prompts: [JSONNode]
    /// Whether vectors are given as base64 of little-endian float32, as the official clients ask.
    package var isBase64: Bool
    /// How many numbers of a vector are given; the rest is left out, and what stays has length 1.
    package var dimensions: Int?
    package var pooling: String

    private static let inputLimit = 2_048

    /// - Throws: ``APIError`` naming the field.
    package init(_ body: JSONNode) throws(APIError) {
        var fields = try FieldReader(body)
        guard let model = try fields.string("model") else {
            throw APIError(400, "model is missing: the name of a deployment.", parameter: "model", code: "missing_required_parameter")
        }
        guard let input = fields.take("input") else {
            throw APIError(400, "input is missing: a text, texts or token ids.", parameter: "input", code: "missing_required_parameter")
        }
        prompts = try Self.prompts(input, fields)
        let format = try fields.string("encoding_format") ?? "float"
        guard format == "float" || format == "base64" else { throw fields.wrong("encoding_format", JSONNode(format), "float or base64") }
        dimensions = try fields.whole("dimensions", 1...65_536)
        let pooling = try fields.string("pooling") ?? "mean"
        guard pooling == "mean" || pooling == "last" else { throw fields.wrong("pooling", JSONNode(pooling), "mean or last") }
        fields.accept("user")
        try fields.finish()
        (self.model, isBase64, self.pooling) = (model, format == "base64", pooling)
    }

    private static func prompts(_ input: JSONNode, _ fields: FieldReader) throws(APIError) -> [JSONNode] {
        func prompt(_ node: JSONNode) -> JSONNode? {
            if let text = node.string { return text.isEmpty ? nil : ["text": node] }
            guard let ids = node.array, !ids.isEmpty, ids.allSatisfy({ $0.integer != nil }) else { return nil }
            return ["ids": node]
        }
        if let one = prompt(input) { return [one] }
        let all = (input.array ?? []).compactMap(prompt)
        guard !all.isEmpty, all.count == input.array?.count, all.count <= inputLimit else {
            throw fields.wrong("input", input, "a text, token ids, or a list of 1 to \(inputLimit) of those, none empty")
        }
        return all
    }

    /// What an engine is asked for one of the inputs.
    package func engineMessage(id: Int, prompt: Int, of deployment: DeploymentTerms) -> JSONNode {
        let members: [JSONMember] = [
            JSONMember("type", "embed"), JSONMember("id", JSONNode(id)), JSONMember("prompt", prompts[prompt]),
            JSONMember("pooling", JSONNode(pooling)),
        ]
        return JSONNode(members + deployment.members)
    }

    /// The answer of engines' vectors, in the order of the inputs.
    /// - Throws: ``APIError`` where a vector has fewer numbers than are asked for.
    package func answer(_ vectors: [[Float]], promptTokens: Int) throws(APIError) -> JSONNode {
        var data: [JSONNode] = []
        for (index, vector) in vectors.enumerated() {
            let count = dimensions ?? vector.count
            guard count <= vector.count else {
                throw APIError(
                    400, "dimensions is \(count), but this model's vectors have \(vector.count).", parameter: "dimensions",
                    code: "invalid_value")
            }
            let cut = Self.cut(vector, count)
            let shown: JSONNode =
                isBase64 ? JSONNode(Base64.text(cut.flatMap { Self.bytes($0) })) : JSONNode(cut.map { JSONNode(Double($0)) })
            data.append(["object": "embedding", "index": JSONNode(index), "embedding": shown])
        }
        return [
            "object": "list", "data": JSONNode(data), "model": JSONNode(model),
            "usage": ["prompt_tokens": JSONNode(promptTokens), "total_tokens": JSONNode(promptTokens)],
        ]
    }

    private static func cut(_ vector: [Float], _ count: Int) -> [Float] {
        guard count < vector.count else { return vector }
        let kept = vector.prefix(count)
        let norm = kept.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return kept.map { norm > 0 ? Float(Double($0) / norm) : 0 }
    }

    private static func bytes(_ number: Float) -> [UInt8] {
        let bits = number.bitPattern
        return [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: bits >> $0) }
    }
}

/// Base64 as RFC 4648 has it.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func text(_ bytes: [UInt8]) -> String {
        var result: [UInt8] = []
        result.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(bytes.count, start + 3)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                result.append(place <= group.count ? alphabet[Int(bits >> UInt32(18 - 6 * place) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
