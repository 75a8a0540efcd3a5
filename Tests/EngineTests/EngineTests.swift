import CPUBackend
import Datasets
@testable import Engine
import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing
import Tokenization
import Training

@Suite struct EngineTests {
    @Test(arguments: ["greedy", "greedy_chat"], ReferenceSet.available)
    func greedyTextIsTheReferences(name: String, set: ReferenceSet) throws {
        let golden = try set.json(set == .own ? "generation_golden.json" : "stories260k/generation_golden.json")
        let entry = try #require(golden[name])
        let prompt = try #require(entry["prompt_ids"]?.array).compactMap { $0.integer.map { Int32($0) } }
        let all = try #require(entry["all_ids"]?.array).compactMap { $0.integer.map { Int32($0) } }
        let folder = set.trajectoryModel
        let encoder = try ChatEncoder(folder: folder)
        let engine = try DemoEngine.make(model: folder, EngineSettings(slots: 1, contextLength: all.count + 1))
        // The reference's answer ends with the end token where it came to one.
        let wanted = all.dropFirst(prompt.count).prefix { !encoder.endIDs.contains($0) }
        var request = GenerationRequest(id: 0, prompt: prompt, maximumTokens: all.count - prompt.count)
        request.endIDs = encoder.endIDs
        #expect(try engine.answer(request) == Array(wanted))
    }

    private static let hasShared = ReferenceSet.available.contains(.shared)

    /// Ids and the five largest log-probabilities of every step, from transformers in float32 and
    /// float64.
    @Test(.enabled(if: hasShared, "the reference data beside the project is missing"))
    func idsAndLogProbabilitiesAreTheReferences() throws {
        let golden = try ReferenceSet.shared.json("generation/greedy.json")
        for entry in try #require(golden["cases"]?.array) {
            let name = try #require(entry["checkpoint"]?.string)
            let folder = ReferenceSet.shared.path(name)
            let rows = try #require(entry["rows"]?.array)
            let ends = Set((entry["stop_ids"]?.array ?? []).compactMap { $0.integer.map { Int32($0) } })
            // All rows in one batch, as the reference's padded batch.
            let engine = try DemoEngine.make(
                model: folder, tokenizer: DemoEngine.folder, EngineSettings(slots: rows.count, contextLength: 128))
            var found: [Int: [TokenProbabilities]] = [:]
            for (index, row) in rows.enumerated() {
                let prompt = try #require(row["prompt_ids"]?.array).compactMap { $0.integer.map { Int32($0) } }
                var request = GenerationRequest(id: UInt64(index), prompt: prompt, maximumTokens: entry["max_new_tokens"]?.integer)
                request.topLogProbabilities = 5
                request.endIDs = ends
                try engine.submit(request)
            }
            while !engine.isIdle {
                for case .token(let token) in try engine.step() {
                    if let own = token.probabilities { found[Int(token.id), default: []].append(own) }
                }
            }
            for (index, row) in rows.enumerated() {
                let wanted = try #require(row["generated_ids"]?.array).compactMap { $0.integer.map { Int32($0) } }
                let steps = found[index] ?? []
                #expect(steps.map(\.token.token) == wanted.filter { !ends.contains($0) }, "\(name), row \(index)")
                for (step, top) in zip(steps, try #require(row["top5"]?.array)) {
                    let numbers = (top["logprobs"]?.array ?? []).compactMap(\.double)
                    #expect(step.top.count == numbers.count)
                    for (own, number) in zip(step.top, numbers) { #expect(abs(own.logProbability - number) < 1e-3) }
                }
            }
        }
    }

    @Test func aPromptLongerThanOneStepIsReadInPieces() throws {
        let piece = try DemoEngine.prompt("A fox ran over the hill and the fox was red. ")
        let prompt = Array(repeating: piece, count: 300 / piece.count + 1).flatMap { $0 }
        #expect(prompt.count > 256)
        let engine = try DemoEngine.make(EngineSettings(slots: 1, contextLength: prompt.count + 8))
        let answer = try engine.answer(GenerationRequest(id: 0, prompt: prompt, maximumTokens: 4))
        #expect(answer.count == 4)
        // What training computes for the whole text in one pass, without a cache, finds every
        // generated token the likeliest too.
        let text = prompt + answer
        let model = try LanguageModel(
            ModelConfiguration(folder: DemoEngine.folder), source: .checkpoint(Checkpoint(folder: DemoEngine.folder)), training: .full,
            maximumLength: text.count)
        let size = ProgramSize(roundingUp: text.count, answer.count)
        let session = try TrainingSession(
            device: CPUDevice(), programs: Programs(model: model, optimizer: AdamWOptimizer()), largest: size)
        let batch = PackedBatch(
            [Sample(ids: text, isTrained: text.indices.map { $0 >= prompt.count })], tokenCapacity: size.tokenCount,
            trainedCapacity: size.trainedCount, window: nil, rotary: model.rotaryRows)
        #expect(try session.evaluate(batch)[Measures.accuracy].total == 4)
    }

    @Test func anEndTokenEndsTheAnswerAndIsNoPartOfIt() throws {
        let prompt = try DemoEngine.prompt("The little bird")
        let engine = try DemoEngine.make(EngineSettings(slots: 2, contextLength: 64))
        let whole = try engine.answer(GenerationRequest(id: 0, prompt: prompt, maximumTokens: 12))
        #expect(whole.count == 12)
        var request = GenerationRequest(id: 1, prompt: prompt, maximumTokens: 12)
        request.endIDs = [whole[6]]
        let answer = try #require(try engine.run([request])[1]?[0])
        #expect(answer.tokens == Array(whole.prefix { $0 != whole[6] }) && answer.reason == .stop)
    }

    @Test func aStopStringEndsTheAnswerAndNoPartOfItIsGivenOut() throws {
        let prompt = try DemoEngine.prompt("The little bird")
        let engine = try DemoEngine.make(EngineSettings(slots: 2, contextLength: 128))
        let whole = try #require(try engine.run([GenerationRequest(id: 0, prompt: prompt, maximumTokens: 40)])[0]?[0])
        let bytes = Array(whole.text.utf8)
        for range in [10..<11, 12..<18, 20..<33] {
            let stop = String(decoding: bytes[range], as: UTF8.self)
            var request = GenerationRequest(id: 1, prompt: prompt, maximumTokens: 40)
            request.stops = ["never comes", stop]
            let answer = try #require(try engine.run([request])[1]?[0])
            let wanted = try #require(whole.text.range(of: stop)).lowerBound
            #expect(answer.text == String(whole.text[..<wanted]) && answer.reason == .stop)
        }
        #expect(whole.reason == .length)
    }

    @Test func aCancelledRequestLeavesNothingBehind() throws {
        let engine = try DemoEngine.make(EngineSettings(slots: 2, contextLength: 256))
        let prompt = try DemoEngine.prompt(String(repeating: "The little bird ", count: 12))
        for step in 0..<6 {
            for id in 0..<5 { try engine.submit(GenerationRequest(id: UInt64(id), prompt: prompt, maximumTokens: 100)) }
            for _ in 0..<step { _ = try engine.step() }
            for id in 0..<5 { engine.cancel(UInt64(id)) }
            #expect(engine.isIdle && engine.usedPages.used == 0)
            #expect(try engine.step().isEmpty)
        }
        #expect(try engine.answer(GenerationRequest(id: 9, prompt: prompt, maximumTokens: 3)).count == 3)
    }

    @Test func aScoredPromptGetsTheProbabilitiesThatItsTokensHave() throws {
        let prompt = try DemoEngine.prompt("The little bird sat in a tree and sang.")
        let engine = try DemoEngine.make(EngineSettings(slots: 2, contextLength: 128, chunkRows: 3))
        var request = GenerationRequest(id: 1, prompt: prompt, maximumTokens: 0)
        (request.scoresPrompt, request.topLogProbabilities) = (true, 1)
        var scored: [TokenProbabilities] = []
        try engine.submit(request)
        while !engine.isIdle { for case .prompt(_, let found) in try engine.step() { scored += found } }
        #expect(scored.count == prompt.count - 1)
        for (index, entry) in scored.enumerated() {
            #expect(entry.token.token == prompt[index + 1])
            var next = GenerationRequest(id: 2, prompt: Array(prompt[...index]), maximumTokens: 1)
            next.sampling.logitBias = [prompt[index + 1]: 1_000]
            next.topLogProbabilities = 1
            try engine.submit(next)
            while !engine.isIdle { for case .token(let token) in try engine.step() { #expect(token.probabilities == entry) } }
        }
    }

    @Test func requestsThatCannotBeAnsweredAreRefused() throws {
        let engine = try DemoEngine.make(EngineSettings(slots: 1, contextLength: 16, queueLimit: 2))
        func refusal(_ request: GenerationRequest) -> EngineError? {
            do throws(EngineError) {
                try engine.submit(request)
                return nil
            } catch { return error }
        }
        #expect(refusal(GenerationRequest(id: 0, prompt: [])) == .emptyPrompt)
        #expect(
            refusal(GenerationRequest(id: 0, prompt: [1, 2, 3], maximumTokens: 14))
                == .contextExceeded(promptTokens: 3, maximumTokens: 14, contextLength: 16))
        #expect(refusal(GenerationRequest(id: 0, prompt: [1, 2, 3], maximumTokens: .max)) != nil)
        #expect(refusal(GenerationRequest(id: 0, prompt: Array(repeating: 1, count: 16))) != nil)
        #expect(refusal(GenerationRequest(id: 0, prompt: [1, 768], maximumTokens: 1)) == .tokenOutOfVocabulary(768, vocabularySize: 768))
        #expect(refusal(GenerationRequest(id: 0, prompt: [-1], maximumTokens: 1)) == .tokenOutOfVocabulary(-1, vocabularySize: 768))
        var adapted = GenerationRequest(id: 0, prompt: [1], maximumTokens: 1)
        adapted.adapter = 3
        #expect(refusal(adapted) == .noSuchAdapter(3))
        for id in 0..<2 { #expect(refusal(GenerationRequest(id: UInt64(id), prompt: [1], maximumTokens: 2)) == nil) }
        #expect(refusal(GenerationRequest(id: 2, prompt: [1], maximumTokens: 2)) == .queueFull(limit: 2))
        #expect(try engine.run().count == 2)
    }

    /// Deployments share an engine, and each keeps its own context and its own queue.
    @Test func eachDeploymentHasItsOwnTerms() throws {
        let engine = try DemoEngine.make(EngineSettings(slots: 1, contextLength: 64, queueLimit: 2))
        var nextID: UInt64 = 0
        func refusal(_ terms: RequestTerms, prompt: Int = 1, maximum: Int? = 1, choices: Int = 1) -> EngineError? {
            nextID += 1
            var request = GenerationRequest(id: nextID, prompt: Array(repeating: 5, count: prompt), maximumTokens: maximum)
            (request.terms, request.choiceCount) = (terms, choices)
            do throws(EngineError) {
                try engine.submit(request)
                return nil
            } catch { return error }
        }
        let short = RequestTerms(deployment: "short", contextLength: 16, queueLimit: 1)
        let long = RequestTerms(deployment: "long", contextLength: 999)
        #expect(refusal(short, prompt: 16) == .contextExceeded(promptTokens: 16, maximumTokens: 1, contextLength: 16))
        #expect(refusal(short, prompt: 16, maximum: nil) == .contextExceeded(promptTokens: 16, maximumTokens: 0, contextLength: 16))
        #expect(refusal(long, prompt: 64) == .contextExceeded(promptTokens: 64, maximumTokens: 1, contextLength: 64))
        // One answer waits: that is all its deployment may have waiting, and nothing to its
        // neighbour.
        #expect(refusal(short, prompt: 15) == nil)
        #expect(refusal(short) == .queueFull(limit: 1))
        #expect(refusal(long, prompt: 63) == nil)
        // As many answers to one question as anybody wants, while the queue has room.
        #expect(refusal(long, choices: 128) == nil)
        #expect(refusal(long) == .queueFull(limit: 2))
        // An answer without a bound ends where its deployment's context ends.
        let other = try DemoEngine.make(EngineSettings(slots: 1, contextLength: 64))
        var request = GenerationRequest(id: 1, prompt: [5, 5, 5])
        (request.terms, request.sampling.logitBias) = (short, [0: -100, 3: -100])
        try other.submit(request)
        #expect(try other.run()[1]?[0]?.tokens.count == 13)
        var vector = EmbeddingRequest(id: 2, prompt: Array(repeating: 5, count: 17))
        vector.terms = short
        #expect(throws: EngineError.contextExceeded(promptTokens: 17, maximumTokens: 0, contextLength: 16)) { try other.submit(vector) }
    }

    /// What a step costs is the size of its program, a power of two.
    @Test func promptsFillTheProgramsOfSteps() throws {
        var settings = EngineSettings(slots: 12, contextLength: 128)
        settings.stepSeconds = 1
        let engine = try DemoEngine.make(settings)
        #expect(engine.promptRows(besides: 0, pending: 1_000) == 256)
        #expect(engine.promptRows(besides: 12, pending: 1_000) == 244)
        // 130 rows would leave half of 256 empty: two of them wait.
        #expect(engine.promptRows(besides: 12, pending: 118) == 116)
        #expect(engine.promptRows(besides: 12, pending: 160) == 244)
        // All slots answer, and the step may be as short as it likes: prompts get on all the same.
        engine.secondsPerRow = 1
        #expect(engine.promptRows(besides: 12, pending: 1_000) == 20)

        var state: UInt64 = 7
        for id in 0..<40 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let prompt = (0..<10 + Int(state >> 58)).map { Int32($0 + 5 * id) }
            try engine.submit(GenerationRequest(id: UInt64(id), prompt: prompt, maximumTokens: 20))
        }
        engine.rowCounts = (0, 0)
        engine.secondsPerRow = 0
        #expect(try engine.run().count == 40)
        #expect(engine.rowCounts.asked * 10 >= engine.rowCounts.computed * 7, "\(engine.rowCounts)")
    }
}
