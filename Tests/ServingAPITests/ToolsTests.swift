import JSON
import ServingAPI
import Testing

@Suite struct ToolsTests {
    private static let weather =
        #"{"type": "function", "function": {"name": "weather", "description": "d", "strict": true, "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false}}}"#
    private static let now = #"{"type": "function", "function": {"name": "now"}}"#

    private static func request(_ more: String) throws -> TextRequest {
        try TextRequest.chat(try JSONParser().parse(#"{"model": "m", "messages": [{"role": "user", "content": "a"}], \#(more)}"#))
    }

    @Test func toolsAreShownAndAnswersBoundAsTheChoiceSays() throws {
        let auto = try Self.request(#""tools": [\#(Self.weather), \#(Self.now)]"#)
        #expect(auto.prompts[0]["tools"]?.array?.count == 2 && auto.prompts[0]["tools"]?.array?[0]["function"]?["strict"] == nil)
        #expect(auto.answer?["forced"]?.bool == false && auto.answer?["several"]?.bool == true)
        #expect(auto.answer?["tools"]?.array?[0]["strict"]?.bool == true && auto.answer?["tools"]?.array?[1]["parameters"] == nil)
        let none = try Self.request(#""tools": [\#(Self.weather)], "tool_choice": "none""#)
        #expect(none.answer == nil && none.prompts[0]["tools"] == nil)
        let required = try Self.request(#""tools": [\#(Self.weather)], "tool_choice": "required", "parallel_tool_calls": false"#)
        #expect(required.answer?["forced"]?.bool == true && required.answer?["several"]?.bool == false)
        let named = try Self.request(
            #""tools": [\#(Self.weather), \#(Self.now)], "tool_choice": {"type": "function", "function": {"name": "now"}}"#)
        #expect(named.answer?["tools"]?.array?.map { $0["name"]?.string } == ["now"] && named.answer?["forced"]?.bool == true)
        let allowed = try Self.request(
            #""tools": [\#(Self.weather), \#(Self.now)], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "now"}}]}}"#
        )
        #expect(allowed.answer?["tools"]?.array?.count == 1 && allowed.prompts[0]["tools"]?.array?.count == 2)
        #expect(try Self.request(#""tools": [], "tool_choice": "auto", "parallel_tool_calls": true"#).answer == nil)
    }

    @Test func formatsBindAnswers() throws {
        #expect(try Self.request(#""response_format": {"type": "text"}"#).answer == nil)
        #expect(try Self.request(#""response_format": {"type": "json_object"}"#).answer?["schema"]?["type"]?.string == "object")
        let named = #"{"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": {"type": "integer"}}}"#
        #expect(try Self.request(#""response_format": \#(named)"#).answer?["schema"]?["type"]?.string == "integer")
        #expect(try Self.request(#""response_format": \#(named), "tools": [\#(Self.now)], "tool_choice": "none""#).answer?["schema"] != nil)
    }

    @Test func whatIsNotEnforcedIsNamed() throws {
        let loose =
            #"{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": true}}}}}"#
        let request = try Self.request(#""tools": [\#(Self.now), \#(loose)]"#)
        #expect(request.notEnforced == ["tools[1].function.parameters.properties.a.uniqueItems"])
    }

    static let refusals: [(String, String)] = [
        (#""tools": 5"#, "tools"), (#""tools": [5]"#, "tools[0]"), (#""tools": [{"type": "custom"}]"#, "tools[0].type"),
        (#""tools": [{"type": "function"}]"#, "tools[0].function"),
        (#""tools": [{"type": "function", "function": {"name": "a b"}}]"#, "tools[0].function.name"),
        (#""tools": [\#(now), \#(now)]"#, "tools[1].function.name"),
        (#""tools": [{"type": "function", "function": {"name": "f", "extra": 1}}]"#, "tools[0].function.extra"),
        (#""tools": [{"type": "function", "function": {"name": "f", "parameters": 5}}]"#, "tools[0].function.parameters"),
        (#""tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}]"#, "tools[0].function.parameters"),
        (
            #""tools": [{"type": "function", "function": {"name": "f", "strict": true, "parameters": {"type": "object", "properties": {"a": {"not": {}}}}}}]"#,
            "tools[0].function.parameters.properties.a.not"
        ),
        (
            #""tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "strin"}}}}}]"#,
            "tools[0].function.parameters.properties.a.type"
        ),
        (#""tool_choice": "required""#, "tool_choice"), (#""tools": [\#(now)], "tool_choice": "always""#, "tool_choice"),
        (#""tools": [\#(now)], "tool_choice": {"type": "function", "function": {"name": "f"}}"#, "tool_choice"),
        (#""tools": [\#(now)], "response_format": {"type": "json_object"}"#, "response_format"),
        (#""tools": [\#(Array(repeating: now, count: 1_000).joined(separator: ","))]"#, "tools"),
        (#""response_format": {"type": "xml"}"#, "response_format.type"),
        (#""response_format": {"type": "json_schema"}"#, "response_format.json_schema"),
        (#""response_format": {"type": "json_schema", "json_schema": {"name": "n"}}"#, "response_format.json_schema.schema"),
        (
            #""response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"properties": {"a": {"not": {}}}}}}"#,
            "response_format.json_schema.schema.properties.a.not"
        ),
        (#""functions": []"#, "functions"),
    ]

    @Test(arguments: refusals) func whatIsWrongIsNamed(_ more: String, _ parameter: String) throws {
        #expect { try Self.request(more) } throws: { ($0 as? APIError)?.parameter == parameter && ($0 as? APIError)?.status == 400 }
    }

    @Test(arguments: [
        (#"{"role": "tool", "content": "a"}"#, "messages[0].tool_call_id"),
        (#"{"role": "user", "content": "a", "tool_calls": []}"#, "messages[0].tool_calls"),
        (#"{"role": "assistant", "content": null, "tool_calls": [{"type": "function"}]}"#, "messages[0].tool_calls[0].id"),
        (
            #"{"role": "assistant", "content": null, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {}}}]}"#,
            "messages[0].tool_calls[0].function.arguments"
        ),
    ]) func callsInMessagesAreChecked(_ message: String, _ parameter: String) throws {
        let body = try JSONParser().parse(#"{"model": "m", "messages": [\#(message)]}"#)
        #expect { try TextRequest.chat(body) } throws: { ($0 as? APIError)?.parameter == parameter }
    }

    private static let said = [
        #"{"type": "token", "choice": 0, "text": "Let me see. "}"#,
        #"{"type": "token", "choice": 0, "text": "", "calls": [{"index": 0, "name": "weather", "arguments": ""}]}"#,
        #"{"type": "token", "choice": 0, "text": "", "calls": [{"index": 0, "arguments": "{\"city\": "}]}"#,
        #"{"type": "token", "choice": 0, "text": "", "calls": [{"index": 0, "arguments": "\"x\"}"}, {"index": 1, "name": "now", "arguments": "{}"}]}"#,
        #"{"type": "finished", "choice": 0, "reason": "tool_calls", "text": ""}"#,
        #"{"type": "done", "prompt_tokens": 5, "cached_tokens": 0, "completion_tokens": 9}"#,
    ]

    @Test func callsAreToldWholeAndInPieces() throws {
        func builder(_ more: String) throws -> AnswerBuilder {
            AnswerBuilder(
                try Self.request(#""tools": [\#(Self.weather), \#(Self.now)]\#(more)"#), id: "chatcmpl-1", created: 7, fingerprint: "f",
                seed: 3)
        }
        var whole = try builder("")
        for message in Self.said { _ = try whole.take(JSONParser().parse(message), prompt: 0) }
        let choice = try #require(whole.answer["choices"]?.array?.first)
        let calls = try #require(choice["message"]?["tool_calls"]?.array)
        #expect(choice["finish_reason"]?.string == "tool_calls" && choice["message"]?["content"]?.string == "Let me see. ")
        #expect(calls.map { $0["function"]?["name"]?.string } == ["weather", "now"])
        #expect(calls.map { $0["function"]?["arguments"]?.string } == [#"{"city": "x"}"#, "{}"])
        let ids = calls.compactMap { $0["id"]?.string }
        #expect(Set(ids).count == 2 && ids.allSatisfy { $0.count == 9 && $0.allSatisfy { $0.isLetter || $0.isNumber } })

        var streamed = try builder(#", "stream": true"#)
        var deltas: [JSONNode] = []
        for message in Self.said {
            for chunk in try streamed.take(JSONParser().parse(message), prompt: 0) {
                deltas += chunk["choices"]?.array?.first?["delta"]?["tool_calls"]?.array ?? []
            }
        }
        #expect(
            deltas.compactMap { $0["id"]?.string } == ids && deltas.compactMap { $0["function"]?["name"]?.string } == ["weather", "now"])
        for index in 0..<2 {
            let own = deltas.filter { $0["index"]?.integer == index }
            #expect(own.first?["function"]?["arguments"]?.string == "" && own.first?["type"]?.string == "function")
            #expect(own.compactMap { $0["function"]?["arguments"]?.string }.joined() == calls[index]["function"]?["arguments"]?.string)
        }
    }

    @Test func anAnswerThatCannotGoOnIsAnError() throws {
        var builder = AnswerBuilder(
            try Self.request(#""response_format": {"type": "json_object"}"#), id: "c", created: 7, fingerprint: "f", seed: 3)
        let stuck = try JSONParser().parse(#"{"type": "finished", "choice": 0, "reason": "stuck", "text": ""}"#)
        #expect { try builder.take(stuck, prompt: 0) } throws: { ($0 as? APIError)?.status == 500 }
    }
}
