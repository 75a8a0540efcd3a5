import JSON

@testable import Tokenization

/// The shapes of conversations that data files have, each with its words: what a template may pass
/// over.
enum ConversationShapes {
    struct Shape {
        /// One letter, for tables.
        let letter: String
        let title: String
        let conversation: Conversation
    }

    private static let tools: JSONNode = [
        [
            "type": "function",
            "function": [
                "name": "weather", "description": "The weather of a place",
                "parameters": [
                    "type": "object", "properties": ["place": ["type": "string", "description": "A town"]], "required": ["place"],
                ],
            ],
        ]
    ]
    private static let asked: JSONNode = ["role": "user", "content": "Is it dry in Rome?"]
    private static let result: JSONNode = ["role": "tool", "tool_call_id": "abcdefghi", "name": "weather", "content": "sunny"]
    private static let answer: JSONNode = ["role": "assistant", "content": "Rome is dry."]

    private static func call(_ arguments: JSONNode, id: String = "abcdefghi") -> JSONNode {
        ["id": JSONNode(id), "type": "function", "function": ["name": "weather", "arguments": arguments]]
    }

    /// A message that calls; nil for content leaves it out.
    private static func calling(_ calls: [JSONNode], content: JSONNode?) -> JSONNode {
        var members: [JSONMember] = [JSONMember("role", "assistant")]
        if let content { members.append(JSONMember("content", content)) }
        return JSONNode(members + [JSONMember("tool_calls", JSONNode(calls))])
    }

    private static func shape(_ letter: String, _ title: String, _ messages: JSONNode..., tools: JSONNode? = nil) -> Shape {
        Shape(letter: letter, title: title, conversation: Conversation(messages: JSONNode(messages), tools: tools))
    }

    static let all: [Shape] = [
        shape("a", "question and answer", asked, answer),
        shape(
            "b", "two questions", asked, answer, ["role": "user", "content": "And in Oslo?"],
            ["role": "assistant", "content": "Oslo is wet."]),
        shape("c", "a system turn", ["role": "system", "content": "Be brief."], asked, answer),
        shape(
            "d", "a second system turn", ["role": "system", "content": "Be brief."], asked, answer,
            ["role": "system", "content": "Now be rude."], ["role": "user", "content": "And in Oslo?"],
            ["role": "assistant", "content": "Look outside."]),
        shape("e", "a developer's turn", ["role": "developer", "content": "Be brief."], asked, answer),
        shape(
            "f", "a system and a developer's turn", ["role": "system", "content": "Be kind."],
            ["role": "developer", "content": "Be brief."],
            asked, answer),
        shape(
            "g", "a call, content null, arguments as text", asked, calling([call(#"{"place": "Rome"}"#)], content: .some(nil)), result,
            answer,
            tools: tools),
        shape("h", "a call, no content", asked, calling([call(#"{"place": "Rome"}"#)], content: .none), result, answer, tools: tools),
        shape(
            "i", "a call, content empty, arguments as an object", asked, calling([call(["place": "Rome"])], content: ""), result, answer,
            tools: tools),
        shape("j", "a call beside words", asked, calling([call(["place": "Rome"])], content: "I look."), result, answer, tools: tools),
        shape(
            "k", "two calls at once", asked, calling([call(["place": "Rome"]), call(["place": "Oslo"], id: "ihgfedcba")], content: ""),
            result, ["role": "tool", "tool_call_id": "ihgfedcba", "name": "weather", "content": "rain"], answer, tools: tools),
        shape("l", "a call without arguments", asked, calling([call("")], content: ""), result, answer, tools: tools),
        shape("m", "a call of no tool of the line", asked, calling([call(["place": "Rome"])], content: ""), result, answer),
        shape("n", "a call that ends the line", asked, calling([call(["place": "Rome"])], content: ""), tools: tools),
        shape("o", "tools that are not called", asked, answer, tools: tools),
        shape("p", "reasoning", asked, ["role": "assistant", "reasoning_content": "Sun is dry.", "content": "Rome is dry."]),
        shape(
            "q", "reasoning in an earlier turn", asked,
            ["role": "assistant", "reasoning_content": "Sun is dry.", "content": "Rome is dry."],
            ["role": "user", "content": "And in Oslo?"], ["role": "assistant", "content": "Oslo is wet."]),
        shape("r", "reasoning in the text", asked, ["role": "assistant", "content": "<think>\nSun is dry.\n</think>\n\nRome is dry."]),
        shape("s", "a speaker's name", ["role": "user", "name": "Ann", "content": "Is it dry in Rome?"], answer),
        shape("t", "an answer first", answer, asked, ["role": "assistant", "content": "As I said."]),
        shape("u", "another member", asked, ["role": "assistant", "content": "Rome is dry.", "mood": "cheerful"]),
    ]
}
