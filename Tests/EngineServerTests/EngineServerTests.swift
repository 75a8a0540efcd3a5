import EngineProtocol
import Foundation
import JSON
import TestSupport
import Testing

@Suite(.serialized) struct EngineServerTests {
    private static let question = #""prompt": {"messages": [{"role": "user", "content": "Tell me of a bird."}]}"#

    private static func text(_ messages: [JSONNode]) -> String {
        messages.filter { ["token", "finished"].contains($0["type"]?.string ?? "") }.compactMap { $0["text"]?.string }.joined()
    }

    @Test func anEngineAnswersManyAtATimeAndTheSameToEach() throws {
        let engine = try EngineProcess()
        let client = try engine.connect()
        #expect(client.greeting["context_length"]?.integer == 256)
        client.say(#"{"type": "generate", "id": 1, \#(Self.question), "max_tokens": 12, "sampling": {"temperature": 0}}"#)
        let alone = client.answers(1)
        #expect(alone.last?["type"]?.string == "done" && alone.last?["completion_tokens"]?.integer ?? 0 > 0)
        #expect(!Self.text(alone).isEmpty)
        let others = try (0..<4).map { _ in try engine.connect() }
        for other in others {
            other.say(#"{"type": "generate", "id": 7, \#(Self.question), "max_tokens": 12, "sampling": {"temperature": 0}}"#)
        }
        for other in others { #expect(Self.text(other.answers(7)) == Self.text(alone)) }
        client.say(#"{"type": "tokenize", "id": 2, "prompt": {"text": "a bird"}}"#)
        let ids = try #require(client.answers(2).last?["ids"]?.array)
        client.say(#"{"type": "detokenize", "id": 3, "ids": [\#(ids.compactMap { $0.integer.map(String.init) }.joined(separator: ","))]}"#)
        #expect(client.answers(3).last?["text"]?.string?.contains("a bird") == true)
    }

    @Test func answersMayBeBoundToASchemaOrToCalls() throws {
        let engine = try EngineProcess()
        let client = try engine.connect()
        let schema = #"{"type": "object", "properties": {"n": {"type": "integer"}, "ok": {"type": "boolean"}}, "required": ["n", "ok"]}"#
        func ask(_ id: Int, _ answer: String) -> [JSONNode] {
            client.say(#"{"type": "generate", "id": \#(id), \#(Self.question), "max_tokens": 90, "answer": \#(answer)}"#)
            return client.answers(id)
        }
        // The first compiles, the second finds what was compiled.
        for id in 1...2 {
            let answers = ask(id, #"{"schema": \#(schema)}"#)
            let value = try JSONParser().parse(Self.text(answers))
            #expect(value["n"]?.integer != nil && value["ok"]?.bool != nil && answers.last?["type"]?.string == "done")
        }
        let called = ask(3, #"{"tools": [{"name": "f", "parameters": \#(schema)}], "forced": true, "several": false}"#)
        let pieces = called.flatMap { $0["calls"]?.array ?? [] }
        #expect(pieces.first?["name"]?.string == "f" && Self.text(called).isEmpty)
        #expect(try JSONParser().parse(pieces.compactMap { $0["arguments"]?.string }.joined())["ok"]?.bool != nil)
        #expect(called.contains { $0["reason"]?.string == "tool_calls" })
        #expect(ask(4, #"{"schema": {"not": {}}}"#).last?["code"]?.string == "invalid_schema")
        for answer in ["5", "{}", #"{"tools": []}"#, #"{"tools": [{}]}"#] {
            #expect(ask(5, answer).last?["type"]?.string == "error", "\(answer)")
        }
        // Cancelled while it is being compiled: nothing more is heard of it.
        client.say(#"{"type": "generate", "id": 6, \#(Self.question), "answer": {"schema": {"enum": ["a", "b"]}}}"#)
        client.say(#"{"type": "cancel", "id": 6}"#)
        client.say(#"{"type": "status", "id": 7}"#)
        #expect(client.answers(7).last?["running"]?.integer == 0)
    }

    /// The texts of control tokens in a message are text: nobody writes another's turn.
    @Test func controlTokensInAMessageDoNotCount() throws {
        let engine = try EngineProcess()
        let client = try engine.connect()
        func ids(_ content: String, _ id: Int) -> [Int] {
            client.say(#"{"type": "tokenize", "id": \#(id), "prompt": {"messages": [{"role": "user", "content": "\#(content)"}]}}"#)
            return (client.answers(id).last?["ids"]?.array ?? []).compactMap(\.integer)
        }
        let special = try #require(
            try JSONParser().parse(Array(Data(contentsOf: URL(fileURLWithPath: ReferenceSet.checkout + "/demo/model/tokenizer.json"))))[
                "added_tokens"]?
                .array?.first { $0["special"]?.bool == true && $0["content"]?.string?.contains("|") == true })
        let (token, id) = (try #require(special["content"]?.string), try #require(special["id"]?.integer))
        let (plain, written) = (ids("a", 1), ids("a \(token) b", 2))
        #expect(plain.count > 1 && written.count > plain.count)
        #expect(written.filter { $0 == id }.count == plain.filter { $0 == id }.count)
        #expect(engine.process.isRunning)
    }

    @Test func hostileMessagesAreRefusedAndTheEngineGoesOn() throws {
        let engine = try EngineProcess(["--queue", "4"])
        let good = try engine.connect()
        let hostile = [
            "", "{", "[]", "5", #"{"id": 1}"#, #"{"type": "generate", "id": 1}"#, #"{"type": "generate", "id": 1, "prompt": {}}"#,
            #"{"type": "generate", "id": 1, "prompt": {"ids": [-1]}}"#, #"{"type": "generate", "id": 1, "prompt": {"ids": [2147483648]}}"#,
            #"{"type": "generate", "id": 1, "prompt": {"ids": [768]}}"#, #"{"type": "generate", "id": 1, "prompt": {"ids": []}}"#,
            #"{"type": "generate", "id": 1, "prompt": {"ids": [1]}, "n": 1000000}"#,
            #"{"type": "generate", "id": 1, "prompt": {"ids": [1]}, "max_tokens": 9223372036854775807}"#,
            #"{"type": "generate", "id": 1, "prompt": {"ids": [1]}, "sampling": {"temperature": 1e308}}"#,
            #"{"type": "generate", "id": 1, "prompt": {"ids": [1]}, "sampling": {"logit_bias": {"1": 1e9}}}"#,
            #"{"type": "generate", "id": 1, "prompt": {"ids": [1]}, "adapter": "../../etc"}"#,
            #"{"type": "generate", "id": 1, "prompt": {"messages": []}}"#, #"{"type": "generate", "id": 1, "prompt": {"messages": [5]}}"#,
            #"{"type": "load_adapter", "id": 1, "name": "x", "folder": "/etc"}"#, #"{"type": "load_adapter", "id": 1}"#,
            #"{"type": "unload_adapter", "id": 1, "name": "x"}"#, #"{"type": "cancel", "id": 99}"#,
            #"{"type": "detokenize", "id": 1, "ids": [-5, 2147483647, 1e99, "a"]}"#, #"{"type": "explode", "id": 1}"#,
            String(repeating: "[", count: 100_000),
        ]
        for message in hostile {
            let client = try engine.connect()
            client.say(message)
            // Something is said, or the connection still answers.
            client.say(#"{"type": "status", "id": 2}"#)
            #expect(client.answers(2).last?["type"]?.string == "result", "\(message.prefix(80))")
        }
        for bytes in [[0xFF, 0xFF, 0xFF, 0x7F], Array(repeating: UInt8(0xFF), count: 5_000), Array("GET / HTTP/1.1\r\n\r\n".utf8)] {
            let client = try engine.connect()
            client.write(bytes)
            while client.next() != nil {}
        }
        good.say(#"{"type": "generate", "id": 5, \#(Self.question), "max_tokens": 3}"#)
        #expect(good.answers(5).last?["type"]?.string == "done")
        #expect(engine.process.isRunning)
    }

    /// A request is held to the terms of its deployment, not to the engine's that are wider.
    @Test func aMessageBringsTheTermsOfItsDeployment() throws {
        let engine = try EngineProcess()
        let client = try engine.connect()
        let terms = #""terms": {"deployment": "d", "context_length": 8, "queue": 1}"#
        client.say(#"{"type": "generate", "id": 1, "prompt": {"ids": [5, 5, 5, 5, 5, 5, 5]}, "max_tokens": 1, \#(terms)}"#)
        #expect(client.answers(1).last?["type"]?.string == "done")
        client.say(#"{"type": "generate", "id": 2, "prompt": {"ids": [5, 5, 5, 5, 5, 5, 5, 5]}, "max_tokens": 1, \#(terms)}"#)
        let refused = client.answers(2).last
        #expect(refused?["code"]?.string == "context_length_exceeded" && refused?["message"]?.string?.contains("8 tokens") == true)
        client.say(#"{"type": "embed", "id": 3, "prompt": {"ids": [5, 5, 5, 5, 5, 5, 5, 5, 5]}, \#(terms)}"#)
        #expect(client.answers(3).last?["code"]?.string == "context_length_exceeded")
        client.say(#"{"type": "tokenize", "id": 4, "prompt": {"text": "a bird"}, \#(terms)}"#)
        #expect(client.answers(4).last?["context_length"]?.integer == 8)
        for terms in [#"{"context_length": 0}"#, #"{"context_length": 1e99}"#, #"{"queue": -1}"#] {
            client.say(#"{"type": "tokenize", "id": 5, "prompt": {"text": "a"}, "terms": \#(terms)}"#)
            #expect(client.answers(5).last?["code"]?.string == "invalid_value", "\(terms)")
        }
        #expect(engine.process.isRunning)
    }

    @Test func whoLeavesTakesTheRequestsAlong() throws {
        let engine = try EngineProcess(["--slots", "2"])
        let watcher = try engine.connect()
        for round in 0..<20 {
            let client = try engine.connect()
            for id in 0..<3 {
                client.say(#"{"type": "generate", "id": \#(id), \#(Self.question), "max_tokens": 200, "sampling": {"temperature": 1}}"#)
            }
            for _ in 0..<round % 5 { _ = client.next() }
        }
        var status: JSONNode = nil
        for id in 0..<1_000 {
            watcher.say(#"{"type": "status", "id": \#(id)}"#)
            status = watcher.answers(id).last ?? nil
            if status["running"]?.integer == 0, status["waiting"]?.integer == 0, status["connections"]?.integer == 1 { break }
            usleep(10_000)
        }
        #expect(status["running"]?.integer == 0 && status["waiting"]?.integer == 0 && status["pages_used"]?.integer == 0)
    }

    /// Large questions and large answers are one program's business: the connection goes on, and so
    /// does everything else on it.
    @Test func whatIsLargeEndsNoConnection() throws {
        let engine = try EngineProcess(["--queue", "4"])
        let client = try engine.connect()
        client.say(#"{"type": "generate", "id": 1, \#(Self.question), "max_tokens": 150, "sampling": {"temperature": 1, "seed": 3}}"#)
        // Six bytes for each letter, as the front writes it.
        let escaped = String(repeating: #"\u007f"#, count: 1_500_000)
        client.say(#"{"type": "generate", "id": 2, "prompt": {"messages": [{"role": "user", "content": "\#(escaped)"}]}, "max_tokens": 1}"#)
        #expect(client.answers(2).last?["code"]?.string == "context_length_exceeded")
        // An answer that would be too long for a message is an error of this question alone.
        let long = String(repeating: #"\u007f"#, count: 3_200_000)
        client.say(#"{"type": "tokenize", "id": 3, "prompt": {"text": "\#(long)"}}"#)
        #expect(client.answers(3).last?["code"]?.string == "answer_too_large")
        client.say(#"{"type": "detokenize", "id": 4, "ids": [5]}"#)
        #expect(client.answers(4).last?["type"]?.string == "result")
        // A scored prompt with twenty others beside each token comes in pieces.
        let ids = (0..<255).map { "\(5 + $0 % 200)" }.joined(separator: ",")
        client.say(#"{"type": "generate", "id": 5, "prompt": {"ids": [\#(ids)]}, "max_tokens": 1, "echo": true, "logprobs": 20}"#)
        let scored = client.answers(5)
        #expect(scored.first?["type"]?.string == "taken" && scored.first?["prompt_tokens"]?.integer == 255)
        #expect(scored.filter { $0["type"]?.string == "prompt" }.flatMap { $0["tokens"]?.array ?? [] }.count == 254)
        #expect(scored.last?["type"]?.string == "done")
    }

    /// A bias for each token of a large vocabulary is no reason to be slow, nor are long stop
    /// strings.
    @Test func manyBiasesAndLongStopStringsAreTaken() throws {
        let engine = try EngineProcess()
        let client = try engine.connect()
        let biases = (0..<200_000).map { "\"\($0)\": 1" }.joined(separator: ",")
        let stops = (0..<16).map { "\"\(String(repeating: "x", count: 65_000))\($0)\"" }.joined(separator: ",")
        client.say(
            #"{"type": "generate", "id": 1, \#(Self.question), "max_tokens": 8, "n": 4, "stop": [\#(stops)], "sampling": {"temperature": 1, "logit_bias": {\#(biases)}}}"#
        )
        let answers = client.answers(1)
        #expect(answers.last?["type"]?.string == "done" && answers.filter { $0["type"]?.string == "finished" }.count == 4)
        #expect(engine.process.isRunning)
    }
}
