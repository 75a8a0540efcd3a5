import JSON
import ServingAPI
import Testing

@Suite struct ResponsesTests {
    private static func read(_ text: String) throws -> ResponsesRequest { try ResponsesRequest(try JSONParser().parse(text)) }

    @Test func aRequestComesToAChat() throws {
        let request = try Self.read(
            #"""
            {"model": "m", "instructions": "Be brief.", "max_output_tokens": 9, "temperature": 0.5, "input": [
             {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
             {"type": "reasoning", "id": "rs_1", "summary": []},
             {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [{"type": "output_text", "text": "c", "annotations": []}]},
             {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}, {"type": "function_call", "call_id": "2", "name": "f", "arguments": "{}"},
             {"type": "function_call_output", "call_id": "1", "output": "d"}],
             "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": true}],
             "tool_choice": {"type": "function", "name": "f"}, "store": false}
            """#)
        let messages = try #require(request.text.prompts[0]["messages"]?.array)
        #expect(messages.map { $0["role"]?.string ?? "" } == ["system", "user", "assistant", "tool"])
        #expect(
            messages[1]["content"]?.string == "ab" && messages[2]["content"]?.string == "c" && messages[2]["tool_calls"]?.array?.count == 2)
        #expect(request.text.maximumTokens == 9 && request.text.answer?["forced"]?.bool == true)
        let format = try Self.read(
            #"{"model": "m", "input": "a", "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "null"}, "strict": true}}}"#
        )
        #expect(format.text.answer?["schema"]?["type"]?.string == "null")
    }

    @Test(arguments: [
        (#"{"model": "m"}"#, "input"), (#"{"input": "a"}"#, "model"), (#"{"model": "m", "input": []}"#, "input"),
        (#"{"model": "m", "input": "a", "previous_response_id": "resp_1"}"#, "previous_response_id"),
        (#"{"model": "m", "input": "a", "store": true}"#, "store"),
        (#"{"model": "m", "input": "a", "messages": []}"#, "messages"),
        (#"{"model": "m", "input": "a", "max_output_tokens": 0}"#, "max_output_tokens"),
        (#"{"model": "m", "instructions": "b", "input": [{"role": "king", "content": "a"}]}"#, "input[0].role"),
        (#"{"model": "m", "input": [{"role": "user", "content": [{"type": "input_image"}]}]}"#, "input[0].content[0]"),
        (#"{"model": "m", "input": [{"type": "computer_call"}]}"#, "input[0].type"),
        (#"{"model": "m", "input": "a", "tools": [{"type": "web_search"}]}"#, "tools[0].type"),
        (#"{"model": "m", "input": "a", "tools": [{"type": "function", "name": "f g"}]}"#, "tools[0].name"),
        (
            #"{"model": "m", "input": "a", "text": {"format": {"type": "json_schema", "name": "n", "schema": {"not": {}}}}}"#,
            "text.format.schema.not"
        ),
    ]) func whatIsWrongIsNamedByThisRequestsFields(_ text: String, _ parameter: String) {
        #expect { try Self.read(text) } throws: { ($0 as? APIError)?.parameter == parameter }
    }

    private static func text(_ node: JSONNode?) -> String { JSONWriter().string(node ?? .null) }

    private static let said = [
        #"{"type": "token", "choice": 0, "text": "Let me see."}"#,
        #"{"type": "token", "choice": 0, "text": "", "calls": [{"index": 0, "name": "f", "arguments": ""}]}"#,
        #"{"type": "token", "choice": 0, "text": "", "calls": [{"index": 0, "arguments": "{\"a\":"}]}"#,
        #"{"type": "token", "choice": 0, "text": "", "calls": [{"index": 0, "arguments": "1}"}]}"#,
        #"{"type": "finished", "choice": 0, "reason": "tool_calls", "text": ""}"#,
        #"{"type": "done", "prompt_tokens": 5, "cached_tokens": 2, "completion_tokens": 9}"#,
    ]

    @Test func aStreamComesToTheResponseThatIsGivenWhole() throws {
        func run(_ more: String) throws -> (JSONNode, [JSONNode]) {
            let request = try Self.read(#"{"model": "m", "input": "a", "tools": [{"type": "function", "name": "f"}]\#(more)}"#)
            var form = ResponsesForm(request, id: "resp_1", created: 7)
            var builder = AnswerBuilder(request.text, id: "chatcmpl-1", created: 7, fingerprint: "f", seed: 3)
            var text = ""
            for message in Self.said {
                for chunk in try builder.take(JSONParser().parse(message), prompt: 0) { text += form.text(of: chunk) }
            }
            let events = try text.split(separator: "\n\n").map { event in
                let lines = event.split(separator: "\n")
                let node = try JSONParser().parse(String(lines[1].dropFirst("data: ".count)))
                #expect(lines[0] == "event: \(node["type"]?.string ?? "")")
                return node
            }
            return (form.whole(builder.answer), events)
        }
        let (whole, none) = try run("")
        #expect(none.isEmpty && whole["status"]?.string == "completed" && whole["object"]?.string == "response")
        #expect(whole["output"]?.array?.map { $0["type"]?.string ?? "" } == ["message", "function_call"])
        #expect(
            whole["output"]?.array?[1]["arguments"]?.string == #"{"a":1}"#
                && whole["usage"]?["input_tokens_details"]?["cached_tokens"]?.integer == 2)
        let (_, events) = try run(#", "stream": true"#)
        #expect(events.map { $0["sequence_number"]?.integer } == Array(0..<events.count).map { Optional($0) })
        let last = try #require(events.last)
        #expect(
            last["type"]?.string == "response.completed" && Self.text(last["response"]?["output"]) == Self.text(whole["output"])
                && Self.text(last["response"]?["usage"]) == Self.text(whole["usage"]))
        let names = events.compactMap { $0["type"]?.string }
        #expect(
            names == [
                "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.output_item.added",
                "response.function_call_arguments.delta", "response.function_call_arguments.delta", "response.function_call_arguments.done",
                "response.output_item.done", "response.completed",
            ])
    }
}
