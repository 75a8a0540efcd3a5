import Basics
@testable import Engine
import Testing

extension ExactnessTests {
    /// Prompts of several pages that begin alike, so that most of each is found.
    private static func related(_ count: Int) throws -> [GenerationRequest] {
        let story = String(repeating: "Tom and his mother went to the park and saw a big red ball. ", count: 8)
        return try requests(count).map { request in
            var request = request
            let words = texts[Int(request.id) % texts.count]
            request.prompt = try DemoEngine.prompt(String(story.prefix(260 + Int(request.id % 5) * 40)) + words)
            return request
        }
    }

    /// What is found in the cache, what had to go from it and is computed again, texts that become
    /// vectors in between, and requests that end in the middle: none of it changes a bit.
    @Test(arguments: settings.filter { ["cpu", "cpu, bfloat16 activations", "vulkan"].contains($0.testDescription) })
    func cacheEvictionVectorsAndLeaversChangeNoBit(_ setting: Setting) throws {
        let requests = try Self.related(setting.requestCount)
        let wanted = try Self.alone(requests) { try setting.engine($0, threads: 1) }
        // Room for all, and room for hardly more than is being written.
        for (slots, pages, threads) in [(8, 64, 2), (3, 14, 3)] {
            var settings = EngineSettings(slots: slots, contextLength: 256, pageCount: pages, queueLimit: 1_000, chunkRows: 48)
            settings.stepSeconds = 1e9
            let engine = try setting.engine(settings, threads: threads)
            var random = SplitMix64(seed: UInt64(slots))
            for round in 0..<2 {
                var left = requests.shuffled(using: &random)
                var (found, cached, others): ([UInt64: Answer], Int, UInt64) = ([:], 0, 10_000)
                while !left.isEmpty || !engine.isIdle {
                    if let next = left.popLast() { try engine.submit(next) }
                    // Somebody comes and leaves within a few steps; somebody wants a vector.
                    if random.next() % 3 == 0 {
                        var guest = requests[Int(random.next() % UInt64(requests.count))]
                        guest.id = others
                        try engine.submit(guest)
                        others += 1
                    }
                    if random.next() % 3 == 0, others > 10_002 { engine.cancel(others - 1 - random.next() % 3) }
                    if random.next() % 4 == 0 {
                        try engine.submit(EmbeddingRequest(id: 1_000_000 + others, prompt: Array(requests[0].prompt.prefix(40))))
                    }
                    for event in try engine.stepEmbeddings() + engine.step() {
                        switch event {
                        case .token(let token):
                            found[token.id, default: Answer()].tokens.append(token.token)
                            found[token.id, default: Answer()].text += token.text
                            if let own = token.probabilities {
                                found[token.id, default: Answer()].logProbabilities += ([own.token] + own.top).map(
                                    \.logProbability.bitPattern)
                            }
                        case .finished(let id, _, let reason, let text):
                            found[id, default: Answer()].reason = reason
                            found[id, default: Answer()].text += text
                        case .done(let id, let totals): if id < 10_000 { cached += totals.cachedTokens }
                        default: break
                        }
                    }
                }
                for (request, answer) in zip(requests, wanted) {
                    #expect(found[request.id] == answer, "request \(request.id), \(slots) slots, round \(round)")
                }
                #expect(cached > requests.count * 32, "\(cached) tokens were found in the cache")
                #expect(engine.usedPages.used == 0)
            }
        }
    }

    /// Answers that outgrow the cache: the young ones make room for the old and go on later.
    @Test(arguments: settings.filter { ["cpu", "cpu, bfloat16 activations", "vulkan"].contains($0.testDescription) })
    func makingRoomChangesNoBit(_ setting: Setting) throws {
        let requests = try Self.requests(min(24, setting.requestCount)).map { request in
            var request = request
            request.maximumTokens = min(70 + Int(request.id * 13 % 60), 220 - request.prompt.count)
            request.scoresPrompt = request.id % 4 == 3
            request.lookup = request.id % 3 == 2 ? 4 : 0
            return request
        }
        let wanted = try Self.alone(requests) { try setting.engine($0, threads: 1) }
        for (slots, pages, threads) in [(8, 9, 2), (5, 7, 1)] {
            var settings = EngineSettings(slots: slots, contextLength: 224, pageCount: pages, queueLimit: 1_000, chunkRows: 48)
            settings.stepSeconds = 1e9
            let engine = try setting.engine(settings, threads: threads)
            let found = try engine.run(requests)
            for (request, answer) in zip(requests, wanted) {
                #expect(found[request.id]?[0] == answer, "request \(request.id), \(slots) slots, \(pages) pages")
            }
            #expect(engine.yieldCount >= 2, "\(engine.yieldCount)")
            #expect(engine.usedPages.used == 0)
        }
    }

    /// A request that leaves while it waits for room leaves nothing behind.
    @Test func whoHasMadeRoomMayLeave() throws {
        let engine = try DemoEngine.make(EngineSettings(slots: 4, contextLength: 224, pageCount: 7))
        for id in 0..<4 {
            try engine.submit(GenerationRequest(id: UInt64(id), prompt: try DemoEngine.prompt("The"), maximumTokens: 190))
        }
        while engine.yieldCount < 2 { _ = try engine.step() }
        #expect(engine.waitingCount >= 1)
        for id in 1..<4 { engine.cancel(UInt64(id)) }
        #expect(engine.waitingCount == 0 && engine.runningCount == 1)
        while !engine.isIdle { _ = try engine.step() }
        #expect(engine.usedPages.used == 0)
    }
}
