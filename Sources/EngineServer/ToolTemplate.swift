package import Constraints
package import JSON
package import Tokenization

/// How a model is shown tools, and how it writes calls.
///
/// The form of calls is found by difference: a conversation that ends in a call is rendered with
/// the model's own template, and what stands around the name and the arguments is the form. A
/// template that shows no tools, or writes calls as something else than JSON, gets the form that
/// most models have seen, and the tools are put into words.
package struct ToolTemplate: Sendable {
    package let form: CallForm
    /// Whether the template is of no use for tools.
    package let isGeneric: Bool
    private let reviews: TemplateReviews

    package init(_ encoder: ChatEncoder) {
        reviews = TemplateReviews(encoder)
        let found = CallFormFinder(encoder, reviews).find()
        (form, isGeneric) = (found ?? .generic, found == nil)
    }

    /// A conversation as the template is to be given it.
    package func conversation(_ messages: JSONNode, tools: JSONNode?) -> Conversation {
        guard isGeneric else {
            var conversation = Conversation(messages: messages, tools: tools)
            if let review = try? reviews.review(of: conversation) { conversation.form = review.form }
            return conversation
        }
        return Conversation(messages: JSONNode(WordedTools.messages(messages.array ?? [], tools: tools)))
    }
}

/// Tools and calls in words, for templates that know neither.
enum WordedTools {
    static func messages(_ messages: [JSONNode], tools: JSONNode?) -> [JSONNode] {
        var result: [JSONNode] = []
        for message in messages {
            switch message["role"]?.string {
            case "tool":
                let answer = "<tool_response>\n" + (message["content"]?.string ?? "") + "\n</tool_response>"
                // Answers to several calls are one turn.
                if let last = result.last, last["role"]?.string == "user", let text = last["content"]?.string,
                    text.hasSuffix("</tool_response>")
                {
                    result[result.count - 1] = ["role": "user", "content": JSONNode(text + "\n" + answer)]
                } else {
                    result.append(["role": "user", "content": JSONNode(answer)])
                }
            case "assistant":
                let calls = (message["tool_calls"]?.array ?? []).map(text)
                let said = message["content"]?.string ?? ""
                guard !calls.isEmpty else {
                    result.append(message)
                    continue
                }
                result.append(["role": "assistant", "content": JSONNode(((said.isEmpty ? [] : [said]) + calls).joined(separator: "\n"))])
            default: result.append(message)
            }
        }
        guard let tools = tools?.array, !tools.isEmpty else { return result }
        let words = instruction(tools)
        if let first = result.first, first["role"]?.string == "system" {
            result[0] = ["role": "system", "content": JSONNode((first["content"]?.string ?? "") + "\n\n" + words)]
        } else {
            result.insert(["role": "system", "content": JSONNode(words)], at: 0)
        }
        return result
    }

    private static func text(of call: JSONNode) -> String {
        let function = call["function"] ?? call
        let name = JSONWriter().string(function["name"] ?? "")
        let arguments = function["arguments"]?.string ?? JSONWriter().string(function["arguments"] ?? [:])
        return "<tool_call>\n{\"name\": \(name), \"arguments\": \(arguments.isEmpty ? "{}" : arguments)}\n</tool_call>"
    }

    private static func instruction(_ tools: [JSONNode]) -> String {
        let lines = tools.map { JSONWriter().string($0["function"] ?? $0) }.joined(separator: "\n")
        return """
            These functions can be called, one a line:
            <tools>
            \(lines)
            </tools>
            To call one, write its name and arguments as JSON:
            <tool_call>
            {"name": "...", "arguments": {...}}
            </tool_call>
            """
    }
}
