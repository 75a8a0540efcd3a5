package import JSON

/// The form in which an answer goes out: what chat and completions say, as it is or as another API
/// says it.
package protocol AnswerForm: Sendable {
    /// A whole answer of chat or completions.
    func whole(_ answer: JSONNode) -> JSONNode
    /// What is sent for a chunk of a stream of chat or completions.
    mutating func text(of chunk: JSONNode) -> String
    /// What is sent when a stream is cut short by a fault.
    mutating func text(of fault: APIError) -> String
    /// What closes a stream.
    var ending: String { get }
}

/// Chat and completions themselves.
package struct PlainForm: AnswerForm {
    package init() {}

    package func whole(_ answer: JSONNode) -> JSONNode { answer }
    package func text(of chunk: JSONNode) -> String { "data: " + JSONWriter().string(chunk) + "\n\n" }
    package func text(of fault: APIError) -> String { text(of: fault.body) }
    package var ending: String { "data: [DONE]\n\n" }
}
