import Engine
import Tensors
import Testing

@Suite struct EmbeddingTests {
    private static func vector(_ engine: Engine, _ request: EmbeddingRequest, beside others: [GenerationRequest] = []) throws -> [Float] {
        for other in others { try engine.submit(other) }
        try engine.submit(request)
        var found: [Float] = []
        while !engine.isIdle {
            for event in try engine.stepEmbeddings() + engine.step() {
                if case .embedding(let id, let vector, let count) = event {
                    #expect(id == request.id && count == request.prompt.count)
                    found = vector
                }
            }
        }
        #expect(engine.usedPages.used == 0)
        return found
    }

    @Test(arguments: EmbeddingRequest.Pooling.allCases) func aTextsVectorIsTheSameHoweverItIsCut(_ pooling: EmbeddingRequest.Pooling) throws
    {
        let text = String(repeating: "The fox ran over the hill and saw a bird in a tree. ", count: 8)
        let request = EmbeddingRequest(id: 1, prompt: try DemoEngine.prompt(text), pooling: pooling)
        let alone = try Self.vector(try DemoEngine.make(threads: 1, EngineSettings(slots: 1, contextLength: 256)), request)
        #expect(abs(alone.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
        let others = try (2..<6).map { GenerationRequest(id: UInt64($0), prompt: try DemoEngine.prompt("A bird \($0)"), maximumTokens: 20) }
        for chunk in [7, 64] {
            let engine = try DemoEngine.make(threads: 2, EngineSettings(slots: 2, contextLength: 256, chunkRows: chunk))
            #expect(try Self.vector(engine, request, beside: others) == alone, "chunks of \(chunk)")
        }
        var other = request
        other.prompt[3] += 1
        #expect(try Self.vector(try DemoEngine.make(EngineSettings(slots: 1, contextLength: 256)), other) != alone)
    }

    /// Activations of 16 bits give nearly the vector of those of 32.
    @Test func activationsOfSixteenBitsGiveNearlyTheSameVector() throws {
        let request = EmbeddingRequest(id: 1, prompt: try DemoEngine.prompt("The fox ran over the hill and saw a bird in a tree."))
        let wanted = try Self.vector(try DemoEngine.make(EngineSettings(slots: 1, contextLength: 64)), request)
        let found = try Self.vector(try DemoEngine.make(activations: .bfloat16, EngineSettings(slots: 1, contextLength: 64)), request)
        let cosine = zip(wanted, found).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        #expect(found.count == wanted.count && cosine > 0.999 && found != wanted, "\(cosine)")
    }

    @Test func whatCannotBecomeAVectorIsRefused() throws {
        let engine = try DemoEngine.make(EngineSettings(slots: 1, contextLength: 64, queueLimit: 2))
        for prompt in [[], [-1], [9_999], Array(repeating: Int32(5), count: 65)] {
            #expect(throws: EngineError.self) { try engine.submit(EmbeddingRequest(id: 1, prompt: prompt)) }
        }
        #expect(throws: EngineError.self) { try engine.submit(EmbeddingRequest(id: 1, prompt: [5], adapter: 0)) }
        try engine.submit(EmbeddingRequest(id: 1, prompt: [5]))
        try engine.submit(EmbeddingRequest(id: 2, prompt: [6]))
        #expect(throws: EngineError.self) { try engine.submit(EmbeddingRequest(id: 3, prompt: [7])) }
        engine.cancel(1)
        #expect(!engine.isIdle)
        engine.cancel(2)
        #expect(engine.isIdle && engine.usedPages.used == 0)
    }
}
