import Constraints
import Engine
import JSON
import Testing
import Tokenization

extension ExactnessTests {
    /// Guesses change nothing but the number of steps: of prompts that repeat themselves some come
    /// true, of others hardly any do.
    @Test(arguments: settings.filter { ["cpu", "cpu, q8", "cpu, bfloat16 activations", "vulkan"].contains($0.testDescription) })
    func guessesChangeNoBit(_ setting: Setting) throws {
        var requests = try Self.requests(setting.requestCount)
        for index in requests.indices {
            let text = Self.texts[index % Self.texts.count] + " "
            requests[index].prompt = try DemoEngine.prompt(String(repeating: text, count: 3))
            requests[index].maximumTokens = 20 + index % 9
            if index % 7 == 3 { requests[index].stops = [String(text.prefix(4))] }
        }
        let wanted = try Self.alone(requests) { try setting.engine($0, threads: 1) }
        for (slots, lookup, threads) in [(1, 8, 1), (8, 4, 2), (3, 1, 4)] {
            let engine = try setting.engine(
                EngineSettings(slots: slots, contextLength: 256, queueLimit: 1_000, chunkRows: 64), threads: threads)
            for request in requests {
                var request = request
                request.lookup = lookup
                try engine.submit(request)
            }
            var (found, totals): ([UInt64: Answer], (guessed: Int, accepted: Int, steps: Int)) = ([:], (0, 0, 0))
            while !engine.isIdle {
                totals.steps += 1
                for event in try engine.step() {
                    switch event {
                    case .token(let token):
                        found[token.id, default: Answer()].tokens.append(token.token)
                        found[token.id, default: Answer()].text += token.text
                        if let own = token.probabilities {
                            found[token.id, default: Answer()].logProbabilities += ([own.token] + own.top).map(\.logProbability.bitPattern)
                        }
                    case .finished(let id, _, let reason, let text):
                        found[id, default: Answer()].reason = reason
                        found[id, default: Answer()].text += text
                    case .done(_, let own):
                        totals.guessed += own.guessedTokens
                        totals.accepted += own.acceptedTokens
                    default: break
                    }
                }
            }
            for (request, answer) in zip(requests, wanted) {
                #expect(found[request.id] == answer, "request \(request.id), \(slots) slots, \(lookup) guesses")
            }
            // Short texts of a small model come true now and then; with few requests perhaps none
            // does.
            #expect(totals.guessed > 0 && totals.accepted <= totals.guessed && engine.usedPages.used == 0)
            #expect(totals.accepted > 0 || requests.count < 64)
            if slots == 1 {
                #expect(totals.steps < requests.count + wanted.reduce(0) { $0 + $1.tokens.count } - totals.accepted / 2)
            }
        }
    }

    /// A constrained answer with guesses: what does not fit is not accepted either.
    @Test func guessesOfAConstrainedAnswerFitIt() throws {
        let schema = try Automaton(schema: ["type": "array", "items": ["enum": ["red", "green", "blue"]], "minItems": 3, "maxItems": 12])
        let vocabulary = TokenVocabulary(try ChatEncoder(folder: DemoEngine.folder).tokenizer)
        func answers(_ lookup: Int) throws -> [UInt64: [Int: Answer]] {
            let engine = try DemoEngine.make(EngineSettings(slots: 4, contextLength: 256, queueLimit: 100))
            return try engine.run(
                (0..<8).map { index in
                    var request = GenerationRequest(
                        id: UInt64(index), prompt: try DemoEngine.prompt(#"["red","green","blue","red","green"]"#), maximumTokens: 80)
                    request.constraint = AnswerConstraint(schema, .value, vocabulary)
                    request.endIDs = [0, 3]
                    request.sampling = SamplingSettings(temperature: 1, seed: UInt64(index))
                    request.topLogProbabilities = 1
                    request.lookup = lookup
                    return request
                })
        }
        #expect(try answers(0) == answers(6))
    }
}
