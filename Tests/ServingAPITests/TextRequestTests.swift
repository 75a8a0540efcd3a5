import JSON
import ServingAPI
import Testing

@Suite struct TextRequestTests {
    private static func error(_ text: String, isChat: Bool = true) throws -> APIError? {
        let body = try JSONParser().parse(text)
        do throws(APIError) {
            _ = isChat ? try TextRequest.chat(body) : try TextRequest.completion(body)
            return nil
        } catch { return error }
    }
    private static func chat(_ members: String) -> String { #"{"model": "m", "messages": [{"role": "user", "content": "a"}]\#(members)}"# }

    @Test func whatTheApiHasAndIsSupportedIsTaken() throws {
        let text = Self.chat(
            #"""
            , "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "repetition_penalty": 1.1, "frequency_penalty": 0.5,
            "presence_penalty": -0.5, "max_completion_tokens": 7, "n": 3, "stop": ["a", "b"], "seed": -5, "logit_bias": {"3": -100},
            "logprobs": true, "top_logprobs": 4, "stream": true, "stream_options": {"include_usage": true}, "user": "u", "store": false,
            "metadata": {"a": "b"}, "response_format": {"type": "text"}, "tools": [], "tool_choice": "auto", "service_tier": "auto"
            """#)
        let request = try TextRequest.chat(JSONParser().parse(text))
        #expect(request.choiceCount == 3 && request.maximumTokens == 7 && request.stops == ["a", "b"] && request.seed == -5)
        #expect(request.logProbabilities == 4 && request.streams && request.includesUsage)
        let terms = DeploymentTerms(name: "d", adapter: "x", settings: ["context_length": 512, "queue": 3])
        let message = request.engineMessage(id: 1, prompt: 0, of: terms, scope: "s", seed: 9)
        #expect(message["terms"]?["deployment"]?.string == "d" && message["terms"]?["context_length"]?.integer == 512)
        #expect(message["terms"]?["queue"]?.integer == 3)
        #expect(message["sampling"]?["temperature"]?.double == 0.5 && message["sampling"]?["seed"]?.integer == 9)
        #expect(message["adapter"]?.string == "x" && message["prompt"]?["messages"]?.array?.count == 1)
    }

    /// A member, the parameter that the error names, its code.
    static let refused: [(String, String, String)] = [
        (#", "temprature": 1"#, "temprature", "unknown_parameter"), (#", "temperature": 2.1"#, "temperature", "invalid_value"),
        (#", "temperature": "hot""#, "temperature", "invalid_value"), (#", "n": 0"#, "n", "invalid_value"),
        (#", "n": 129"#, "n", "invalid_value"), (#", "n": 1e308"#, "n", "invalid_value"), (#", "n": 1.5"#, "n", "invalid_value"),
        (#", "max_tokens": -1"#, "max_tokens", "invalid_value"), (#", "max_tokens": 9223372036854775808"#, "max_tokens", "invalid_value"),
        (#", "stream": "yes""#, "stream", "invalid_type"),
        (#", "stream_options": {"include_usage": true}"#, "stream_options", "invalid_value"),
        (#", "stream": true, "stream_options": {"x": 1}"#, "stream_options.x", "unknown_parameter"),
        (#", "top_logprobs": 3"#, "top_logprobs", "invalid_value"),
        (#", "logprobs": true, "top_logprobs": 21"#, "top_logprobs", "invalid_value"),
        (#", "stop": [1]"#, "stop", "invalid_value"), (#", "stop": """#, "stop", "invalid_value"),
        (#", "logit_bias": {"a": 1}"#, "logit_bias", "invalid_value"), (#", "logit_bias": {"1": 101}"#, "logit_bias", "invalid_value"),
        (#", "response_format": {"type": "xml"}"#, "response_format.type", "invalid_value"),
        (#", "tools": [{"type": "custom"}]"#, "tools[0].type", "unsupported_parameter"),
        (#", "store": true"#, "store", "unsupported_parameter"),
        (#", "functions": []"#, "functions", "unsupported_parameter"), (#", "seed": 1.5"#, "seed", "invalid_value"),
        (#", "chat_template_kwargs": {"messages": []}"#, "chat_template_kwargs", "invalid_value"),
    ]

    @Test(arguments: refused) func aFieldThatIsNotKnownOrWrongIsNamed(member: String, parameter: String, code: String) throws {
        let found = try #require(try Self.error(Self.chat(member)))
        #expect(found.status == 400 && found.parameter == parameter && found.code == code && found.type == "invalid_request_error")
    }

    @Test func messagesMustBeMessages() throws {
        for (messages, parameter) in [
            ("[]", "messages"), (#""a""#, "messages"), (#"[{"role": "robot", "content": "a"}]"#, "messages[0].role"),
            (#"[{"role": "user"}]"#, "messages[0].content"),
            (#"[{"role": "user", "content": "a", "colour": "red"}]"#, "messages[0].colour"),
            (#"[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}]"#, "messages[0].content[0]"),
            ("[5]", "messages[0]"),
        ] {
            let found = try #require(try Self.error(#"{"model": "m", "messages": \#(messages)}"#))
            #expect(found.parameter == parameter, "\(messages): \(found.message)")
        }
        #expect(try Self.error(#"{"messages": []}"#)?.parameter == "model")
    }

    @Test func aPromptIsATextTokenIdsOrListsOfThem() throws {
        for (prompt, count) in [(#""a""#, 1), (#"["a", "b"]"#, 2), ("[1, 2, 3]", 1), ("[[1], [2, 3]]", 2), (#""""#, 1)] {
            let request = try TextRequest.completion(JSONParser().parse(#"{"model": "m", "prompt": \#(prompt)}"#))
            #expect(request.prompts.count == count && request.maximumTokens == 16)
        }
        for prompt in ["5", "[]", "[[]]", "[1.5]", "{}"] {
            #expect(try Self.error(#"{"model": "m", "prompt": \#(prompt)}"#, isChat: false)?.parameter == "prompt")
        }
        #expect(try Self.error(#"{"model": "m", "prompt": "a", "max_tokens": 0}"#, isChat: false)?.parameter == "max_tokens")
        #expect(try Self.error(#"{"model": "m", "prompt": "a", "max_tokens": 0, "echo": true}"#, isChat: false) == nil)
    }

    @Test func whatIsGivenIsShownShortAndWithoutControlCharacters() throws {
        let long = String(repeating: "x", count: 500) + "\\u0007"
        let found = try #require(try Self.error(Self.chat(#", "\#(long)": 1"#)))
        #expect(found.message.count < 200 && !found.message.contains("\u{7}"))
    }
}
