import JSON

extension MessageReader {
    /// Calls in a message of the assistant, and what a tool's message answers.
    /// - Throws: ``APIError`` naming the place.
    static func checkCalls(_ message: JSONNode, _ name: String) throws(APIError) {
        func wrong(_ field: String, _ wanted: String) -> APIError {
            APIError(400, "\(name)\(field) must be \(wanted).", parameter: name + field, code: "invalid_value")
        }
        let role = message["role"]?.string
        if let id = message["tool_call_id"], !id.isNull {
            guard role == "tool", id.string != nil else { throw wrong(".tool_call_id", "the id of a call, in a message of the role tool") }
        } else if role == "tool" {
            throw wrong(".tool_call_id", "the id of a call")
        }
        guard let calls = message["tool_calls"], !calls.isNull else { return }
        guard role == "assistant", let elements = calls.array, !elements.isEmpty, elements.count <= 128 else {
            throw wrong(".tool_calls", "a list of 1 to 128 calls, in a message of the assistant")
        }
        for (index, call) in elements.enumerated() {
            let place = ".tool_calls[\(index)]"
            guard call["id"]?.string != nil else { throw wrong(place + ".id", "a string") }
            guard call["type"]?.string ?? "function" == "function" else { throw wrong(place + ".type", "\"function\"") }
            guard let function = call["function"], function["name"]?.string != nil else {
                throw wrong(place + ".function.name", "a string")
            }
            guard function["arguments"]?.string != nil else { throw wrong(place + ".function.arguments", "a string of JSON") }
        }
    }
}
