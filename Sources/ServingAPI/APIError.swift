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
    /// What a content filter has found in the prompt, where that is the reason.
    package private(set) var filterResult: JSONNode?

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

    /// `{"error": {message, type, param, code}}`, all four always there. A filtered prompt is
    /// refused as Azure's service does, with what was found.
    package var body: JSONNode {
        var members: [JSONMember] = [
            JSONMember("message", JSONNode(message)), JSONMember("type", filterResult == nil ? JSONNode(type) : .null),
            JSONMember("param", parameter.map { JSONNode($0) } ?? .null), JSONMember("code", code.map { JSONNode($0) } ?? .null),
        ]
        if let filterResult {
            members.append(JSONMember("status", JSONNode(status)))
            members.append(
                JSONMember("innererror", ["code": "ResponsibleAIPolicyViolation", "content_filter_result": filterResult]))
        }
        return ["error": JSONNode(members)]
    }

    /// The refusal of a prompt in which a content filter has found something.
    package static func filteredPrompt(_ result: JSONNode) -> APIError {
        var error = APIError(
            400, "The prompt is filtered: the content filter of this deployment has found what it does not let pass.", parameter: "prompt",
            code: "content_filter")
        error.filterResult = result
        return error
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
