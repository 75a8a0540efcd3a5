import Basics
import CPUBackend
import Engine
import Graph
import Manifest
import Models
import Tensors
import Testing
import VulkanBackend

/// The promise that a request's tokens and the bits of its probabilities depend on the request
/// alone.
@Suite struct ExactnessTests {
    static let texts = [
        "The little bird", "Once upon a time there was a", "A fox", "Tom and his mother went to the park and saw a big red ball.",
        "The", "In the morning the sun was warm and the children played in the garden until it was dark and cold outside.",
    ]

    /// Greedy and drawn, short and long, with and without penalties.
    static func requests(_ count: Int) throws -> [GenerationRequest] {
        try (0..<count).map { index in
            let text = String(repeating: texts[index % texts.count] + " ", count: 1 + index % 3)
            var request = GenerationRequest(id: UInt64(index), prompt: try DemoEngine.prompt(text), maximumTokens: 5 + index % 11)
            request.topLogProbabilities = 2
            if index % 2 == 1 {
                request.sampling = SamplingSettings(
                    temperature: 0.9, topK: index % 3 == 0 ? 40 : 0, topP: 0.95, seed: UInt64(index), repetitionPenalty: 1.1)
            }
            return request
        }
    }

    static func alone(_ requests: [GenerationRequest], _ make: (EngineSettings) throws -> Engine) throws -> [Answer] {
        let engine = try make(EngineSettings(slots: 1, contextLength: 256, pageCount: 8))
        return try requests.map { request in
            var request = request
            // A scope of its own: nothing is found in the cache.
            request.scope = "\(request.id)"
            return try #require(try engine.run([request])[request.id]?[0])
        }
    }

    /// A device, how its weights lie, how many requests are tried.
    struct Setting: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var weights = BaseWeights.stored
        var activations = ElementType.float32
        var cacheType = ElementType.float32
        var quantizesHead = false
        var requestCount = 64
        var isVulkan = false
        /// A model with random weights instead of the one that comes with the project.
        var model: DemoEngine.RandomModel?

        func engine(_ settings: EngineSettings, threads: Int? = nil) throws -> Engine {
            var settings = settings
            (settings.cacheType, settings.quantizesHead) = (cacheType, quantizesHead)
            return try DemoEngine.make(
                model: self.model.map { try DemoEngine.folder(of: $0) } ?? DemoEngine.folder,
                on: isVulkan ? VulkanDevice(validates: true) : CPUDevice(threadCount: threads), baseWeights: weights,
                activations: activations, tokenizer: DemoEngine.folder, settings)
        }
    }
    static let settings: [Setting] =
        [
            Setting(testDescription: "cpu"), Setting(testDescription: "cpu, q8", weights: .q8, requestCount: 12),
            Setting(testDescription: "cpu, nf4", weights: .nf4, requestCount: 12),
            Setting(testDescription: "cpu, bfloat16", weights: .bfloat16, requestCount: 12),
            Setting(testDescription: "cpu, bfloat16 activations", activations: .bfloat16, cacheType: .float16, requestCount: 12),
            Setting(
                testDescription: "cpu, q8 and its head, bfloat16 activations", weights: .q8, activations: .bfloat16, quantizesHead: true,
                requestCount: 12),
            Setting(testDescription: "cpu, experts", requestCount: 24, model: .qwen3MoE),
            Setting(testDescription: "cpu, experts in nf4", weights: .nf4, requestCount: 12, model: .qwen3MoE),
            Setting(
                testDescription: "cpu, experts in q8, bfloat16 activations", weights: .q8, activations: .bfloat16, requestCount: 12,
                model: .qwen3MoE),
            Setting(testDescription: "cpu, sinks and biased experts", requestCount: 24, model: .gptOSS),
            Setting(
                testDescription: "cpu, sinks and biased experts in q8, bfloat16 activations", weights: .q8, activations: .bfloat16,
                requestCount: 12, model: .gptOSS),
            Setting(testDescription: "cpu, convolutions", requestCount: 24, model: .lfm2),
            Setting(
                testDescription: "cpu, convolutions, bfloat16 activations", activations: .bfloat16, cacheType: .float16, requestCount: 12,
                model: .lfm2),
        ]
        + ((try? VulkanDevice(validates: true)) == nil
            ? []
            : [
                Setting(testDescription: "vulkan", requestCount: 12, isVulkan: true),
                Setting(testDescription: "vulkan, experts", requestCount: 8, isVulkan: true, model: .qwen3MoE),
                Setting(testDescription: "vulkan, sinks and biased experts", requestCount: 8, isVulkan: true, model: .gptOSS),
                Setting(testDescription: "vulkan, convolutions", requestCount: 8, isVulkan: true, model: .lfm2),
            ])

    @Test(arguments: settings) func aRequestGetsTheSameBitsWhateverElseRuns(_ setting: Setting) throws {
        let requests = try Self.requests(setting.requestCount)
        let wanted = try Self.alone(requests) { try setting.engine($0, threads: 1) }
        #expect(Set(wanted.map(\.tokens)).count > setting.requestCount / 2, "the requests must differ")

        // Arriving at random among up to seven others, prompts cut anywhere.
        for (slots, chunk, threads) in [(8, 256, 2), (8, 7, 1), (3, 1, 4), (8, 64, 3)] {
            var settings = EngineSettings(slots: slots, contextLength: 256, queueLimit: 1_000, chunkRows: chunk)
            settings.stepSeconds = 1e9
            let engine = try setting.engine(settings, threads: threads)
            var random = SplitMix64(seed: UInt64(chunk))
            var left = requests.shuffled(using: &random)
            let found = try engine.run([left.removeLast()]) { _ in
                for _ in 0..<Int(random.next() % 3) where !left.isEmpty { try engine.submit(left.removeLast()) }
            }
            // What came when nothing was left to do.
            let rest = try engine.run(left)
            for (request, answer) in zip(requests, wanted) {
                #expect((found[request.id] ?? rest[request.id])?[0] == answer, "request \(request.id), chunks of \(chunk), \(slots) slots")
            }
            #expect(engine.usedPages.used == 0)
        }
    }

    /// With bfloat16 activations keys and values are bfloat16 numbers, wherever they lie.
    @Test(arguments: [DemoEngine.RandomModel?.none, .qwen3MoE, .gptOSS, .lfm2])
    func aCacheInTheActivationsTypeChangesNoBit(_ kind: DemoEngine.RandomModel?) throws {
        let folder = try kind.map { try DemoEngine.folder(of: $0) } ?? DemoEngine.folder
        let requests = try Self.requests(6)
        var settings = EngineSettings(slots: 4, contextLength: 256, queueLimit: 100, chunkRows: 64)
        let wide = try DemoEngine.make(model: folder, activations: .bfloat16, tokenizer: DemoEngine.folder, settings)
        let wanted = try wide.run(requests)
        settings.narrowsCache = true
        let narrow = try DemoEngine.make(model: folder, activations: .bfloat16, tokenizer: DemoEngine.folder, settings)
        #expect(try narrow.run(requests) == wanted)
        func byteCount(_ narrows: Bool, _ type: ElementType) throws -> Int {
            settings.narrowsCache = narrows
            let model = try LanguageModel(
                ModelConfiguration(folder: folder), source: .random(seed: 1), training: .nothing,
                precision: .init(activationType: type, mixableTypes: [.bfloat16, .float16]), maximumLength: 256)
            return try Engine.byteCount(model, on: CPUDevice(), settings)
        }
        #expect(try byteCount(true, .bfloat16) < byteCount(false, .bfloat16))
        #expect(try byteCount(true, .float32) == byteCount(false, .float32))
    }

    @Test func aHeadInEightBitsGivesNearlyTheProbabilitiesOfTheStoredOne() throws {
        var request = GenerationRequest(id: 1, prompt: try DemoEngine.prompt("The little bird"), maximumTokens: 1)
        request.topLogProbabilities = 3
        var settings = EngineSettings(slots: 1, contextLength: 64)
        let stored = try #require(try DemoEngine.make(settings).run([request])[1]?[0])
        settings.quantizesHead = true
        let quantised = try #require(try DemoEngine.make(settings).run([request])[1]?[0])
        #expect(stored.tokens == quantised.tokens && stored.logProbabilities != quantised.logProbabilities)
        #expect(stored.logProbabilities.count == 4 && quantised.logProbabilities.count == 4)
        for (one, other) in zip(stored.logProbabilities, quantised.logProbabilities) {
            #expect(abs(Double(bitPattern: one) - Double(bitPattern: other)) < 0.1)
        }
    }

    @Test func whatIsFoundInTheCacheChangesNoBit() throws {
        let text = String(repeating: "The fox ran over the hill and saw a bird in a tree. ", count: 12)
        var request = GenerationRequest(id: 1, prompt: try DemoEngine.prompt(text), maximumTokens: 20)
        request.topLogProbabilities = 3
        #expect(request.prompt.count > 100)
        let engine = try DemoEngine.make(EngineSettings(slots: 2, contextLength: 512))
        let first = try #require(try engine.run([request])[1]?[0])
        var cached = 0
        try engine.submit(request)
        var again = Answer()
        while !engine.isIdle {
            for event in try engine.step() {
                if case .token(let token) = event { again.tokens.append(token.token) }
                if case .token(let token) = event, let own = token.probabilities {
                    again.logProbabilities += ([own.token] + own.top).map(\.logProbability.bitPattern)
                }
                if case .done(_, let totals) = event { cached = totals.cachedTokens }
            }
        }
        #expect(cached >= 96 && cached < request.prompt.count && cached % 32 == 0, "\(cached) tokens were found")
        #expect(again.tokens == first.tokens && again.logProbabilities == first.logProbabilities)
        // Another beginning of the same length is another text; another scope finds nothing.
        var other = request
        other.scope = "another tenant"
        #expect(try engine.run([other])[1]?[0] == first)
    }

    @Test func answersToOnePromptAreThoseThatTheirNumbersDraw() throws {
        var request = GenerationRequest(id: 3, prompt: try DemoEngine.prompt("The little bird"), maximumTokens: 9)
        request.sampling = SamplingSettings(temperature: 1.2, seed: 5)
        request.choiceCount = 4
        let few = try DemoEngine.make(EngineSettings(slots: 1, contextLength: 64)).run([request])
        let many = try DemoEngine.make(EngineSettings(slots: 8, contextLength: 64)).run([request])
        #expect(few[3]?.count == 4 && few == many)
        #expect(Set((many[3] ?? [:]).values.map(\.tokens)).count > 1)
    }
}
