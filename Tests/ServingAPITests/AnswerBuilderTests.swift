import JSON
import ServingAPI
import Testing

@Suite struct AnswerBuilderTests {
    private static func node(_ text: String) throws -> JSONNode { try JSONParser().parse(text) }
    private static let said = [
        #"{"type": "token", "id": 1, "choice": 0, "text": "Hel"}"#, #"{"type": "token", "id": 1, "choice": 0, "text": ""}"#,
        #"{"type": "token", "id": 1, "choice": 0, "text": "lo"}"#,
        #"{"type": "finished", "id": 1, "choice": 0, "reason": "length", "text": "!"}"#,
        #"{"type": "done", "id": 1, "prompt_tokens": 5, "cached_tokens": 2, "completion_tokens": 3}"#,
    ]

    @Test func aWholeAnswerHasWhatTheStreamHas() throws {
        let body = try Self.node(#"{"model": "m", "messages": [{"role": "user", "content": "a"}]}"#)
        var builder = AnswerBuilder(try TextRequest.chat(body), id: "chatcmpl-1", created: 7, fingerprint: "f", seed: 3)
        for message in Self.said { #expect(try builder.take(Self.node(message), prompt: 0).isEmpty) }
        #expect(builder.isDone)
        let answer = builder.answer
        #expect(answer["object"]?.string == "chat.completion" && answer["model"]?.string == "m")
        #expect(answer["choices"]?.array?[0]["message"]?["content"]?.string == "Hello!")
        #expect(answer["choices"]?.array?[0]["finish_reason"]?.string == "length")
        #expect(answer["usage"]?["total_tokens"]?.integer == 8)
        #expect(answer["usage"]?["prompt_tokens_details"]?["cached_tokens"]?.integer == 2)
        #expect(answer["tala"]?["seed"]?.integer == 3)
    }

    @Test func aStreamBeginsWithTheRoleAndEndsWithReasonAndUsage() throws {
        let body = try Self.node(
            #"{"model": "m", "messages": [{"role": "user", "content": "a"}], "stream": true, "stream_options": {"include_usage": true}}"#)
        var builder = AnswerBuilder(try TextRequest.chat(body), id: "chatcmpl-1", created: 7, fingerprint: "f", seed: 3)
        var chunks: [JSONNode] = []
        for message in Self.said { chunks += try builder.take(Self.node(message), prompt: 0) }
        #expect(chunks.allSatisfy { $0["object"]?.string == "chat.completion.chunk" && $0["id"]?.string == "chatcmpl-1" })
        #expect(chunks[0]["choices"]?.array?[0]["delta"]?["role"]?.string == "assistant")
        let texts = chunks.dropFirst().compactMap { $0["choices"]?.array?.first?["delta"]?["content"]?.string }
        #expect(texts == ["Hel", "lo", "!"])
        let last = try #require(chunks.last)
        #expect(last["choices"]?.array?.isEmpty == true && last["usage"]?["completion_tokens"]?.integer == 3)
        #expect(chunks[chunks.count - 2]["choices"]?.array?[0]["finish_reason"]?.string == "length")
        #expect(chunks.dropLast().allSatisfy { $0["usage"]?.isNull == true })
    }

    /// lm-evaluation-harness reads `token_logprobs[ctxlen:-1]` and asks whether the likeliest of
    /// `top_logprobs` is the token's own number.
    @Test func anEchoedPromptHasProbabilitiesInTheLegacyShape() throws {
        let body = try Self.node(#"{"model": "m", "prompt": [5, 6], "echo": true, "max_tokens": 1, "logprobs": 1}"#)
        var builder = AnswerBuilder(try TextRequest.completion(body), id: "cmpl-1", created: 7, fingerprint: "f", seed: 3)
        func token(_ text: String, _ number: Double) -> String {
            let bytes = text.utf8.map { "\($0)" }.joined(separator: ", ")
            let entry = #""token_id": 1, "token": "\#(text)", "bytes": [\#(bytes)], "logprob": \#(number)"#
            return #"{\#(entry), "top": [{\#(entry)}]}"#
        }
        for message in [
            #"{"type": "prompt", "id": 1, "first": \#(token("é", 0)), "tokens": [\#(token(" b", -0.25))]}"#,
            #"{"type": "token", "id": 1, "choice": 0, "text": "c", "logprobs": \#(token("c", -0.5))}"#,
            #"{"type": "finished", "id": 1, "choice": 0, "reason": "length", "text": ""}"#,
            #"{"type": "done", "id": 1, "prompt_tokens": 2, "cached_tokens": 0, "completion_tokens": 1}"#,
        ] { _ = try builder.take(Self.node(message), prompt: 0) }
        let choice = try #require(builder.answer["choices"]?.array?.first)
        #expect(choice["text"]?.string == "é bc")
        let found = try #require(choice["logprobs"])
        #expect(found["tokens"] == ["é", " b", "c"])
        #expect(found["token_logprobs"]?.array?.map(\.double) == [nil, -0.25, -0.5])
        #expect(found["text_offset"]?.array?.map(\.integer) == [0, 1, 3])
        #expect(found["top_logprobs"]?.array?[1][" b"]?.double == -0.25)
    }

    @Test func anEnginesRefusalIsTheApis() throws {
        let body = try Self.node(#"{"model": "m", "messages": [{"role": "user", "content": "a"}]}"#)
        for (code, status, retries) in [("context_length_exceeded", 400, false), ("queue_full", 429, true), ("engine_failed", 503, true)] {
            var builder = AnswerBuilder(try TextRequest.chat(body), id: "c", created: 7, fingerprint: "f", seed: 3)
            let message = try Self.node(#"{"type": "error", "id": 1, "code": "\#(code)", "message": "no", "param": null}"#)
            do throws(APIError) {
                _ = try builder.take(message, prompt: 0)
                Issue.record("no error")
            } catch { #expect(error.status == status && (error.retryAfter != nil) == retries) }
        }
    }

    /// Whoever leaves before the end has used what was computed; a long prompt comes in pieces.
    @Test func whatWasComputedIsKnownBeforeTheEnd() throws {
        let body = try Self.node(#"{"model": "m", "prompt": "ab", "echo": true, "max_tokens": 2, "logprobs": 0}"#)
        var builder = AnswerBuilder(try TextRequest.completion(body), id: "cmpl-1", created: 7, fingerprint: "f", seed: 3)
        let entry = #"{"token_id": 1, "token": "a", "bytes": [97], "logprob": -1, "top": []}"#
        for message in [
            #"{"type": "taken", "id": 1, "prompt_tokens": 4}"#,
            #"{"type": "prompt", "id": 1, "first": \#(entry), "tokens": [\#(entry), \#(entry)]}"#,
            #"{"type": "prompt", "id": 1, "first": \#(entry), "tokens": [\#(entry)]}"#,
            #"{"type": "token", "id": 1, "choice": 0, "text": "c", "logprobs": \#(entry)}"#,
        ] { _ = try builder.take(Self.node(message), prompt: 0) }
        #expect(builder.promptTokens == 4 && builder.completionTokens == 1 && !builder.isDone)
        _ = try builder.take(
            Self.node(#"{"type": "done", "id": 1, "prompt_tokens": 4, "cached_tokens": 0, "completion_tokens": 1}"#), prompt: 0)
        let tokens = builder.answer["choices"]?.array?[0]["logprobs"]?["tokens"]?.array
        #expect(tokens?.count == 5 && builder.completionTokens == 1 && builder.isDone)
    }

    @Test func whatIsTooLargeOrTooCostlyHasItsStatus() throws {
        let body = try Self.node(
            #"{"model": "m", "messages": [{"role": "user", "content": "a"}], "response_format": {"type": "json_object"}}"#)
        var builder = AnswerBuilder(try TextRequest.chat(body), id: "chatcmpl-1", created: 7, fingerprint: "f", seed: 3)
        for (message, status, field) in [
            (#"{"type": "error", "id": 1, "code": "answer_too_large", "message": "m", "param": null}"#, 413, nil as String?),
            (#"{"type": "error", "id": 1, "code": "request_too_large", "message": "m", "param": null}"#, 413, nil),
            (#"{"type": "finished", "id": 1, "choice": 0, "reason": "too_costly", "text": ""}"#, 400, "response_format"),
        ] {
            #expect {
                _ = try builder.take(Self.node(message), prompt: 0)
            } throws: {
                ($0 as? APIError)?.status == status && ($0 as? APIError)?.parameter == field
            }
        }
    }
}
