import CPUBackend
import Constraints
import Engine
import Graph
import JSON
import Testing
import TestSupport
import Tokenization
import VulkanBackend

/// Answers that must have a form, from models that were trained and from one that was not.
@Suite struct ConstraintTests {
    private static let person: JSONNode = [
        "type": "object",
        "properties": [
            "name": ["type": "string", "maxLength": 12], "age": ["type": "integer", "minimum": 0, "maximum": 130],
            "tags": ["type": "array", "items": ["enum": ["red", "green"]], "minItems": 1, "maxItems": 3],
            "born": ["type": "string", "format": "date"],
        ], "required": ["name", "age", "tags", "born"],
    ]

    private static let vocabulary: TokenVocabulary? = try? TokenVocabulary(ChatEncoder(folder: DemoEngine.folder).tokenizer)

    private static func request(
        _ id: UInt64, _ automaton: Automaton, _ kind: AnswerConstraint.Kind = .value, _ tokens: TokenVocabulary? = vocabulary
    ) throws -> GenerationRequest {
        var request = GenerationRequest(id: id, prompt: try DemoEngine.prompt("The little bird \(id)"), maximumTokens: 200)
        request.constraint = AnswerConstraint(automaton, kind, try #require(tokens))
        request.endIDs = [0, 3]
        request.topLogProbabilities = 1
        // As random as an untrained model: the likeliest tokens count for little.
        request.sampling = SamplingSettings(temperature: 2, topP: id % 2 == 0 ? 1 : 0.9, seed: id, repetitionPenalty: id % 3 == 0 ? 1.3 : 1)
        return request
    }

    @Test func everyAnswerSatisfiesItsSchemaOrIsCutShort() throws {
        let engine = try DemoEngine.make(EngineSettings(slots: 4, contextLength: 256, queueLimit: 100))
        let automaton = try Automaton(schema: Self.person)
        let requests = try (0..<24).map { try Self.request(UInt64($0), automaton) }
        let answers = try engine.run(requests)
        var whole = 0
        for request in requests {
            let answer = try #require(answers[request.id]?[0])
            if answer.reason == .length { continue }
            whole += 1
            let value = try JSONParser().parse(answer.text)
            #expect(value.object?.map(\.key) == ["name", "age", "tags", "born"] && answer.reason == .stop)
            #expect((0...130).contains(try #require(value["age"]?.integer)) && value["name"]?.string?.unicodeScalars.count ?? 99 <= 12)
            #expect((1...3).contains(value["tags"]?.array?.count ?? 0) && value["born"]?.string?.count == 10, "\(answer.text)")
        }
        #expect(whole >= 20, "\(whole) of \(requests.count) came to their end")
    }

    /// Any object of any depth: our own reader takes it, which refuses keys that are there twice.
    @Test func anyObjectIsReadBackWhateverIsDrawn() throws {
        let engine = try DemoEngine.make(EngineSettings(slots: 8, contextLength: 256, queueLimit: 100))
        let requests = try (0..<40).map { try Self.request(UInt64($0), Automaton.anyObject()) }
        let answers = try engine.run(requests)
        var whole = 0
        for request in requests {
            let answer = try #require(answers[request.id]?[0])
            #expect(answer.text.utf8.first == UInt8(ascii: "{"))
            if answer.reason == .length { continue }
            #expect(try JSONParser().parse(answer.text).object != nil, "\(answer.text)")
            whole += 1
        }
        #expect(whole >= 10, "\(whole) of \(requests.count) came to their end")
    }

    static let devices = ["cpu"] + ((try? VulkanDevice(validates: true)) == nil ? [] : ["vulkan"])

    private static func device(_ name: String, threads: Int) throws -> any ComputeDevice {
        name == "vulkan" ? try VulkanDevice(validates: true) : try CPUDevice(threadCount: threads)
    }

    /// On every device: a mask is applied to logits wherever they were computed.
    @Test(arguments: devices) func aConstrainedAnswerIsTheSameAloneAndAmongOthers(_ name: String) throws {
        let automaton = try Automaton(schema: Self.person)
        let requests = try (0..<8).map { try Self.request(UInt64($0), automaton) }
        let alone = try DemoEngine.make(on: Self.device(name, threads: 1), EngineSettings(slots: 1, contextLength: 256)).run(requests)
        for answer in alone.values.compactMap({ $0[0] }) where answer.reason == .stop {
            #expect(try JSONParser().parse(answer.text)["born"]?.string?.count == 10, "\(answer.text)")
        }
        #expect(alone.values.filter { $0[0]?.reason == .stop }.count >= 5)
        // Among answers without a constraint, sharing one that is known already.
        var others = try (8..<16).map { try Self.request(UInt64($0), automaton) }
        for index in others.indices { others[index].constraint = nil }
        let shared = requests[0].constraint
        let mixed = zip(requests, others).flatMap { pair in
            var own = pair.0
            own.constraint = shared
            return [pair.1, own]
        }
        let together = try DemoEngine.make(
            on: Self.device(name, threads: 2), EngineSettings(slots: 8, contextLength: 256, chunkRows: 5)
        ).run(mixed)
        for request in requests { #expect(alone[request.id] == together[request.id]) }
    }

    @Test(arguments: devices) func callsBeginWhereTheFormsTriggerHasCome(_ name: String) throws {
        let tools = [
            CallableTool(name: "weather", parameters: Self.person, isStrict: true),
            CallableTool(name: "now", parameters: nil, isStrict: true),
        ]
        var ignored: [(tool: Int, path: String)] = []
        let engine = try DemoEngine.make(on: Self.device(name, threads: 2), EngineSettings(slots: 4, contextLength: 256, queueLimit: 100))
        let forced = try Automaton(callsOf: tools, in: .generic, isTriggered: false, allowsSeveral: false, ignored: &ignored)
        let requests = try (0..<12).map { try Self.request(UInt64($0), forced, .calls(.generic)) }
        for request in requests { try engine.submit(request) }
        var (pieces, reasons): ([UInt64: [CallPiece]], [UInt64: FinishReason]) = ([:], [:])
        while !engine.isIdle {
            for event in try engine.step() {
                if case .token(let token) = event {
                    pieces[token.id, default: []] += token.calls
                    #expect(token.text.isEmpty)
                }
                if case .finished(let id, _, let reason, let text) = event {
                    reasons[id] = reason
                    #expect(text.isEmpty)
                }
            }
        }
        #expect(reasons.values.filter { $0 == .toolCalls }.count >= 8)
        for (id, reason) in reasons where reason == .toolCalls {
            let called = try #require(pieces[id]?.first?.name)
            let arguments = try JSONParser().parse((pieces[id] ?? []).map(\.arguments).joined())
            #expect(called == "now" ? arguments.object?.isEmpty == true : arguments["born"] != nil && arguments["age"] != nil)
        }

        // Text is free until the trigger, which a trigger of one letter brings soon.
        let form = CallForm(
            opening: [.text(Array("e{\"name\": \"".utf8))], middle: [.text(Array("\", \"arguments\": ".utf8))], between: nil,
            closing: [.text(Array("}".utf8))], trigger: Array("e".utf8))
        let bound = try Automaton(callsOf: tools, in: form, isTriggered: true, allowsSeveral: true, ignored: &ignored)
        var called = 0
        for id in 0..<12 {
            var (text, calls, reason): (String, [CallPiece], FinishReason?) = ("", [], nil)
            try engine.submit(try Self.request(UInt64(id), bound, .callsIfTriggered(form)))
            while !engine.isIdle {
                for event in try engine.step() {
                    if case .token(let token) = event {
                        text += token.text
                        calls += token.calls
                    }
                    if case .finished(_, _, let ended, let rest) = event {
                        text += rest
                        reason = ended
                    }
                }
            }
            #expect(!text.contains("e"), "\(text)")
            guard reason == .toolCalls else { continue }
            called += 1
            #expect(try JSONParser().parse(calls.map(\.arguments).joined()).object != nil && calls.first?.name != nil)
        }
        #expect(called >= 4)
    }

    /// Tokens of the middle of a text, with their spaces: the bytes of an answer are theirs, one
    /// after the other.
    @Test func theBytesOfTokensMakeUpTheirText() throws {
        let files = ["sentencepiece", "bpe-llama3-regex"].map { ReferenceSet.own.path("tokenizers/\($0)/tokenizer.json") }
        for file in [DemoEngine.folder + "/tokenizer.json"] + files {
            let tokenizer = try Tokenizer(path: file)
            let vocabulary = TokenVocabulary(tokenizer)
            let text = "x The fox, 12 birds; \"näive\" 𝄞 {\"a\": [1, 2]}"
            let ids = tokenizer.encode(text, addSpecialTokens: false)
            let first = Array(tokenizer.decode(Array(ids.prefix(1)), skipSpecialTokens: false).utf8)
            let bytes = first + ids.dropFirst().flatMap { vocabulary.trie.tokens[Int($0)] }
            #expect(String(decoding: bytes, as: UTF8.self) == tokenizer.decode(ids, skipSpecialTokens: false), "\(file)")
        }
    }
}
