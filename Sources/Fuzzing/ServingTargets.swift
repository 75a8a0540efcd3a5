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
            _ = try TextRequest.chat(node).engineMessage(id: 1, prompt: 0, adapter: nil, scope: "", seed: 0)
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
            "model: ftjob-x\ndevice: auto\nbase_weights: q8\ncontext_length: 4096\nslots: 8\ncache: {memory: 2GiB, type: float16}\ndefaults: {temperature: 0.7, max_tokens: 512, system: \"a\"}\nlimits: {queue: 64}\n"
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
