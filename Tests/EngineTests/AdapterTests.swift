import CPUBackend
import Engine
import Foundation
import JSON
import Manifest
import Models
import Tensors
import TestSupport
import Testing
import Tokenization

/// Adapters of several deployments in one batch.
@Suite struct AdapterTests {
    private static let adapter = ReferenceSet.own.path("adapters/chat-model-lora")
    private static let base = ReferenceSet.own.path("chat-model")

    private static func settings(_ slots: Int, adapters: Int = 3) -> EngineSettings {
        var settings = EngineSettings(slots: slots, contextLength: 128)
        (settings.adapterSlots, settings.adapterRank) = (adapters, 16)
        return settings
    }

    private static func request(_ id: UInt64, _ adapter: Int?, scope: String = "") throws -> GenerationRequest {
        let prompt = try ChatEncoder(folder: base).tokenizer.encode("The little bird sat", addSpecialTokens: true)
        var request = GenerationRequest(id: id, prompt: prompt, maximumTokens: 10)
        request.adapter = adapter
        request.topLogProbabilities = 1
        request.scope = scope
        return request
    }

    /// What the same adapter gives where the model is built with it, as training has it.
    private static func trained() throws -> [Int32: Double] {
        let configuration = try ModelConfiguration(folder: base)
        let linears = try LanguageModel.linearModules(of: configuration)
        let model = try LanguageModel(
            configuration, source: .checkpoint(Checkpoint(folder: base)),
            training: .adapter(try AdapterFolder(adapter).settings(on: linears), seed: 0), maximumLength: 128)
        let engine = try Engine(
            model, tokenizer: ChatEncoder(folder: base).tokenizer, on: CPUDevice(), EngineSettings(slots: 1, contextLength: 128))
        return try firstStep(engine, request(1, nil))
    }

    private static func firstStep(_ engine: Engine, _ request: GenerationRequest) throws -> [Int32: Double] {
        var request = request
        request.topLogProbabilities = 20
        request.maximumTokens = 1
        try engine.submit(request)
        var found: [Int32: Double] = [:]
        while !engine.isIdle {
            for case .token(let token) in try engine.step() {
                for entry in token.probabilities?.top ?? [] { found[entry.token] = entry.logProbability }
            }
        }
        return found
    }

    @Test func aRoutedAdapterGivesWhatTheModelBuiltWithItGives() throws {
        let engine = try DemoEngine.make(model: Self.base, Self.settings(2))
        let place = try engine.loadAdapter(Self.adapter)
        let wanted = try Self.trained()
        let found = try Self.firstStep(engine, Self.request(1, place))
        #expect(wanted.count == 20 && Set(found.keys) == Set(wanted.keys))
        for (token, number) in wanted { #expect(abs((found[token] ?? 0) - number) < 1e-4, "token \(token)") }
        let plain = try Self.firstStep(engine, Self.request(2, nil))
        #expect(plain != found, "the adapter must change something")
    }

    @Test func rowsOfDifferentAdaptersInOneBatchDoNotTouchEachOther() throws {
        let engine = try DemoEngine.make(model: Self.base, Self.settings(4))
        let place = try engine.loadAdapter(Self.adapter)
        let second = try engine.loadAdapter(Self.adapter)
        #expect(place != second)
        let base = try #require(
            try DemoEngine.make(model: Self.base, EngineSettings(slots: 1, contextLength: 128)).run([Self.request(1, nil)])[1]?[0])
        let adapted = try #require(try engine.run([Self.request(1, place)])[1]?[0])
        #expect(base != adapted)
        let all = try engine.run([
            Self.request(1, nil), Self.request(2, place), Self.request(3, second, scope: "x"), Self.request(4, nil, scope: "y"),
        ])
        #expect(all[1]?[0] == base && all[4]?[0] == base)
        #expect(all[2]?[0] == adapted && all[3]?[0] == adapted)
    }

    @Test func anAdapterInUseIsNotUnloadedAndAPlaceForgetsWhatItHeld() throws {
        let engine = try DemoEngine.make(model: Self.base, Self.settings(1, adapters: 1))
        let place = try engine.loadAdapter(Self.adapter)
        #expect(throws: EngineError.self) { try engine.loadAdapter(Self.adapter) }
        try engine.submit(Self.request(1, place))
        #expect(throws: EngineError.adapterInUse(place)) { try engine.unloadAdapter(place) }
        let adapted = try #require(try engine.run()[1]?[0])
        try engine.unloadAdapter(place)
        #expect(throws: EngineError.noSuchAdapter(place)) { try engine.submit(Self.request(2, place)) }
        #expect(try engine.loadAdapter(Self.adapter) == place)
        #expect(try engine.run([Self.request(3, place)])[3]?[0] == adapted)
        #expect(throws: ModelError.self) {
            try engine.unloadAdapter(place)
            _ = try engine.loadAdapter("/nonexistent")
        }
    }

    /// What is more than matrices on linear layers changes what all rows share.
    @Test(arguments: ["use_dora", "modules_to_save", "init_lora_weights"]) func anAdapterThatIsMoreThanMatricesIsNoRowOfABatch(key: String)
        throws
    {
        let folder = NSTemporaryDirectory() + "tala-engine-\(UUID().uuidString)"
        try FileManager.default.copyItem(atPath: Self.adapter, toPath: folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = URL(fileURLWithPath: folder + "/adapter_config.json")
        let values: [String: JSONNode] = ["use_dora": true, "modules_to_save": ["lm_head"], "init_lora_weights": "pissa"]
        let settings = try JSONParser().parse(Array(Data(contentsOf: file)))
        let members = (settings.object ?? []).filter { $0.key != key } + [JSONMember(key, values[key] ?? nil)]
        try Data(JSONWriter().string(JSONNode(members)).utf8).write(to: file)
        let engine = try DemoEngine.make(model: Self.base, Self.settings(1))
        #expect {
            try engine.loadAdapter(folder)
        } throws: { "\($0)".contains(key) && "\($0)".contains("deploy the merged model instead") }
    }
}
