package import JSON

/// A refusal in the form of the OpenAI API.
package struct APIError: Error, Sendable, Hashable {
    package var status: Int
    package var type: String
    package var message: String
    package var parameter: String?
    package var code: String?
    /// Seconds after which asking again makes sense.
    package var retryAfter: Int?

    package init(
        _ status: Int, _ message: String, parameter: String? = nil, code: String? = nil, type: String? = nil, retryAfter: Int? = nil
    ) {
        self.status = status
        self.type =
            type
            ?? (status == 401
                ? "authentication_error"
                : status == 403
                    ? "permission_error" : status == 429 ? "rate_limit_error" : status >= 500 ? "server_error" : "invalid_request_error")
        (self.message, self.parameter, self.code, self.retryAfter) = (message, parameter, code, retryAfter)
    }

    /// `{"error": {message, type, param, code}}`, all four always there.
    package var body: JSONNode {
        [
            "error": [
                "message": JSONNode(message), "type": JSONNode(type), "param": parameter.map { JSONNode($0) } ?? .null,
                "code": code.map { JSONNode($0) } ?? .null,
            ]
        ]
    }

    /// What of a value is shown: 80 characters at most, no control characters.
    package static func shown(_ node: JSONNode) -> String {
        let text = JSONWriter().string(node)
        return text.unicodeScalars.count > 80 ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(80))) + "..." : text
    }

    package static func modelNotFound(_ name: String) -> APIError {
        APIError(
            404, "The model \(shown(JSONNode(name))) does not exist or is not deployed.", parameter: "model", code: "model_not_found")
    }
}
