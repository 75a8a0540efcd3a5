package import JSON

/// A request of `/v1/moderations`, checked.
package struct ModerationRequest: Sendable, Hashable {
    /// Nil: the only deployment that has a filter.
    package var model: String?
    package var texts: [String]

    private static let limit = 2_048

    /// - Throws: ``APIError`` naming the field.
    package init(_ body: JSONNode) throws(APIError) {
        var fields = try FieldReader(body)
        model = try fields.string("model")
        guard let input = fields.take("input") else {
            throw APIError(400, "input is missing: a text, or texts.", parameter: "input", code: "missing_required_parameter")
        }
        try fields.finish()
        if let text = input.string {
            texts = [text]
            return
        }
        guard let elements = input.array, !elements.isEmpty, elements.count <= Self.limit else {
            throw fields.wrong("input", input, "a text, or a list of 1 to \(Self.limit) texts", code: "invalid_type")
        }
        let plain = elements.compactMap(\.string)
        if plain.count == elements.count {
            texts = plain
            return
        }
        // Parts are one input together.
        let parts = try elements.enumerated().map { index, part throws(APIError) in
            guard part["type"]?.string == "text", let text = part["text"]?.string else {
                throw APIError(
                    400, "input[\(index)] must be a text, or a part of type text: nothing else can be judged.",
                    parameter: "input[\(index)]", code: "unsupported_parameter")
            }
            return text
        }
        texts = [parts.joined(separator: "\n")]
    }
}
