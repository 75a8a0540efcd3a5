import Constraints
import EngineProtocol
import JSON
import Manifest
import ServingAPI

extension FuzzTarget {
    /// A body of `/v1/chat/completions`: read, or refused in the API's form with a field or a code.
    static let chatRequest = FuzzTarget(
        "chat-request",
        seeds: [
            """
            {"model": "m", "messages": [{"role": "system", "content": "a"}, {"role": "user", "content": [{"type": "text", "text": "b"}]}],
             "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "n": 2, "stop": ["a", "b"], "seed": 5, "logit_bias": {"3": -100},
             "logprobs": true, "top_logprobs": 4, "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 7,
             "chat_template_kwargs": {"x": 1}, "response_format": {"type": "text"}, "metadata": {}}
            """
        ], words: ["1e308", "-1", "9223372036854775808", "\"\\u0000\"", "null", "[[", "{\"a\":"], byteLimit: 2048, structure: .json
    ) { bytes in
        guard let node = try? JSONParser().parse(bytes) else { return nil }
        return refusal { () throws(APIError) in
            let terms = DeploymentTerms(name: "d", adapter: nil, settings: node)
            _ = try TextRequest.chat(node).engineMessage(id: 1, prompt: 0, of: terms, scope: "", seed: 0)
        }
    }

    /// A body of `/v1/completions`.
    static let completionRequest = FuzzTarget(
        "completion-request",
        seeds: [
            #"{"model": "m", "prompt": ["a", [1, 2]], "max_tokens": 0, "echo": true, "logprobs": 3, "n": 2, "best_of": 2, "suffix": ""}"#,
            #"{"model": "m", "prompt": [1, 2, 3], "stream": true}"#,
        ], words: ["1e308", "-1", "[[]]", "2147483648"], byteLimit: 1024, structure: .json
    ) { bytes in
        guard let node = try? JSONParser().parse(bytes) else { return nil }
        return refusal { () throws(APIError) in _ = try TextRequest.completion(node) }
    }

    /// Multipart forms, cut anywhere.
    static let multipart = FuzzTarget(
        "multipart",
        seeds: [
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n{}\n\r\n--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n--b--\r\n"
        ], words: ["--b", "\r\n", "\r\n--b\r\n", "\r\n--b--", "name=\"file\"", ";", "\""], byteLimit: 1024
    ) { bytes in
        var reader = MultipartReader(boundary: "b")
        return refusal { () throws(APIError) in
            for start in stride(from: 0, to: bytes.count, by: 7) {
                _ = try reader.append(Array(bytes[start..<min(bytes.count, start + 7)]))
            }
            try reader.finish()
        }
    }

    /// A body of `/v1/responses`.
    static let responsesRequest = FuzzTarget(
        "responses-request",
        seeds: [
            #"{"model": "m", "instructions": "a", "input": [{"role": "user", "content": [{"type": "input_text", "text": "b"}]}, {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}, {"type": "function_call_output", "call_id": "1", "output": "c"}], "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}], "text": {"format": {"type": "json_object"}}, "tool_choice": "none", "store": false}"#
        ], words: ["\"input\": \"a\"", "null", "[[]]", "\"type\": \"message\""], byteLimit: 2048, structure: .json
    ) { bytes in
        guard let node = try? JSONParser().parse(bytes) else { return nil }
        return refusal { () throws(APIError) in _ = try ResponsesRequest(node) }
    }

    /// JSON Schemas: compiled, or refused with a place. What is compiled has a way to its end from
    /// every place.
    static let schema = FuzzTarget(
        "schema",
        seeds: [
            ##"{"$defs": {"n": {"type": "object", "properties": {"a": {"type": ["integer", "null"], "minimum": -3, "maximum": 12.5}, "n": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}}, "required": ["a"], "additionalProperties": {"type": "string", "maxLength": 3}}}, "$ref": "#/$defs/n"}"##,
            #"{"type": "array", "items": {"type": "string", "pattern": "^[a-c]+(x|y{2,3})?$"}, "prefixItems": [{"enum": [1, "a"]}], "minItems": 1, "maxItems": 3}"#,
            #"{"oneOf": [{"type": "number", "exclusiveMinimum": 0.5}, {"type": "string", "format": "date"}]}"#,
        ],
        words: [
            "\"type\": \"object\"", "\"additionalProperties\": true", "\"$ref\": \"#\"", "\"pattern\": \"\"", "{}", "\"minLength\": 5",
            "1e308", "-1",
        ], byteLimit: 1024, structure: .json
    ) { bytes in
        guard let node = try? JSONParser().parse(bytes) else { return nil }
        let automaton: Automaton
        do throws(ConstraintError) { automaton = try Automaton(schema: node) } catch {
            return error.description.utf8.count > 1_024 ? "a message of \(error.description.utf8.count) bytes" : nil
        }
        if automaton.nodeCount > Automaton.nodeLimit { return "\(automaton.nodeCount) states" }
        let recognizer = Recognizer(automaton)
        var state = recognizer.start
        for step in 0..<48 {
            let fitting = (0...UInt8.max).filter { recognizer.next(state, $0) != Recognizer.dead }
            guard !fitting.isEmpty else {
                let isTooLarge = recognizer.isExhausted || recognizer.stateCount >= Recognizer.stateLimit / 2
                return recognizer.accepts(state) || isTooLarge ? nil : "stuck after \(step) bytes"
            }
            state = recognizer.next(state, fitting[(step * 31 + bytes.count) % fitting.count])
        }
        return nil
    }

    /// What a model writes where calls are expected.
    static let calls = FuzzTarget(
        "calls",
        seeds: [
            "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, \"}\\\"\"]}}\n</tool_call>\n<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>"
        ],
        words: ["<tool_call>", "</tool_call>", "{", "}", "\"", "\\"], byteLimit: 512
    ) { bytes in
        var reader = CallReader(.generic, isTriggered: false)
        let pieces = reader.append(bytes)
        if reader.finishedCount > reader.count { return "more calls have ended than have begun" }
        return pieces.contains { $0.index >= reader.count } ? "a piece of a call that has not begun" : nil
    }

    /// Frames between front and engine.
    static let frames = FuzzTarget("frames", seeds: ["\u{2}\0\0\0{}\u{4}\0\0\0null"], words: ["\0\0\0\0", "\u{7f}\0\0\0"], byteLimit: 256) {
        bytes in
        var reader = FrameReader()
        reader.append(bytes)
        while let message = try? reader.next() { if message.count > FrameReader.limit { return "a frame of \(message.count) bytes" } }
        return nil
    }

    /// A file of `deployments/`.
    static let deployment = FuzzTarget(
        "deployment",
        seeds: [
            "model: ftjob-x\ndevice: auto\nbase_weights: q8\ncontext_length: 4096\nslots: 8\ncache: {memory: 2GiB, type: float16}\ndefaults: {temperature: 0.7, max_tokens: 512, system: \"a\"}\nlimits: {queue: 64}\n",
            "model: m\nidle: {unload_after: 30min}\nreplay: false\nfilter: {mode: block, block_lists: [a], model: ftjob-x, prompt: {hate: low}, on_error: pass}\n",
        ], words: ["99999999999999999999", "-1", "&a ", "*a", "~"], byteLimit: 512
    ) { bytes in
        _ = try? Deployment(try ManifestText(bytes, isYAML: true))
        return nil
    }

    /// What is wrong with a refusal, or nil.
    private static func refusal(_ body: () throws(APIError) -> Void) -> String? {
        do throws(APIError) { try body() } catch {
            if error.code == nil || !(400..<500).contains(error.status) { return "refused without a code: \(error)" }
            if error.message.utf8.count > 1_024 { return "a message of \(error.message.utf8.count) bytes" }
        }
        return nil
    }
}
