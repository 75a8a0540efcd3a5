import Foundation
import JSON
import Storage
import Tensors
import Testing

@testable import Models

@Suite struct AdapterFolderTests {
    /// An adapter's folder on the tiny model, made for a test.
    struct Folder {
        let path = NSTemporaryDirectory() + "tala-adapter-\(UUID().uuidString)"
        typealias Tensors = [String: (shape: [Int], numbers: [Float])]

        init(_ configuration: [JSONMember] = [], _ tensors: Tensors, file: String = "adapter_model.safetensors") throws {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            let base: [JSONMember] = [
                JSONMember("peft_type", "LORA"), JSONMember("r", 2), JSONMember("lora_alpha", 16), JSONMember("target_modules", ["q_proj"]),
            ]
            let members = base.filter { member in !configuration.contains { $0.key == member.key } } + configuration
            try DurableFiles.replace(path + "/adapter_config.json", with: JSONWriter().string(JSONNode(members)))
            try TinyModel.write(tensors, to: path + "/" + file)
        }

        func remove() { try? FileManager.default.removeItem(atPath: path) }
    }

    static let q = "model.layers.0.self_attn.q_proj"
    /// Rows in order, so that one that is turned shows.
    static func matrix(_ rows: Int, _ columns: Int) -> (shape: [Int], numbers: [Float]) {
        ([rows, columns], (0..<(rows * columns)).map { Float($0) + 1 })
    }
    static func pair(_ a: String, _ b: String) -> Folder.Tensors { [a: matrix(2, 16), b: matrix(16, 2)] }
    static func linears() throws -> [LinearModule] {
        try LanguageModel.linearModules(of: ModelConfiguration(json: JSONNode(TinyModel.configuration)))
    }
    private static func message(_ folder: Folder) -> String {
        do { _ = try AdapterFolder(folder.path).settings(on: linears()) } catch { return "\(error)" }
        return ""
    }

    @Test(arguments: [
        ("base_model.model.\(q).lora_A.weight", "base_model.model.\(q).lora_B.weight"),
        ("base_model.model.\(q).lora_A.default.weight", "base_model.model.\(q).lora_B.default.weight"),
        ("\(q).lora_A.weight", "\(q).lora_B.weight"), ("layers.0.self_attn.q_proj.lora_A", "layers.0.self_attn.q_proj.lora_B"),
        ("base_model.model.layers.0.self_attn.q_proj.lora_A.mine.weight", "base_model.model.layers.0.self_attn.q_proj.lora_B.mine.weight"),
        ("module.base_model.model.\(q).lora_A.weight", "module.base_model.model.\(q).lora_B.weight"),
        ("_orig_mod.base_model.model.\(q).lora_A.weight", "_orig_mod.base_model.model.\(q).lora_B.weight"),
    ])
    func matricesAreFoundUnderTheNamesThatToolsGiveThem(a: String, b: String) throws {
        let folder = try Folder([], Self.pair(a, b))
        defer { folder.remove() }
        let linears = try Self.linears()
        let adapter = try AdapterFolder(folder.path)
        let modules = try adapter.settings(on: linears).modules(on: linears)
        #expect(modules.map(\.module.name) == [Self.q, "model.layers.1.self_attn.q_proj"])
        #expect(modules.allSatisfy { $0.rank == 2 && $0.scale == 8 })
        let held = try adapter.matrices(for: modules, on: linears)
        #expect(held["base_model.model.\(Self.q).lora_A.weight"]?.numbers() == Self.matrix(2, 16).numbers)
        #expect(held.count == 2)
    }

    @Test func anAdapterOfMLXIsTurnedAndScaledAsItIsThere() throws {
        let parameters: JSONNode = ["rank": 2, "scale": 20.0, "dropout": 0.0, "keys": ["self_attn.q_proj"]]
        let folder = try Folder([], [:], file: "adapter_model.safetensors")
        defer { folder.remove() }
        try FileManager.default.removeItem(atPath: folder.path + "/adapter_model.safetensors")
        try DurableFiles.replace(
            folder.path + "/adapter_config.json",
            with: JSONWriter().string(["fine_tune_type": "lora", "num_layers": 1, "lora_parameters": parameters, "iters": 100]))
        try TinyModel.write(
            ["\(Self.q).lora_a": Self.matrix(16, 2), "\(Self.q).lora_b": Self.matrix(2, 16)], to: folder.path + "/adapters.safetensors")
        let linears = try Self.linears()
        let adapter = try AdapterFolder(folder.path)
        let modules = try adapter.settings(on: linears).modules(on: linears)
        #expect(modules.map(\.module.name) == [Self.q] && modules.first?.scale == 20)
        let a = try adapter.matrices(for: modules, on: linears)["base_model.model.\(Self.q).lora_A.weight"]
        #expect(a?.shape == [2, 16] && a?.numbers().prefix(3) == [1, 3, 5])
    }

    @Test(
        arguments: [
            (JSONNode(#".*\.(q_proj|down_proj)$"#), ["q_proj", "down_proj"]),
            (
                #"(?:.*?(?:language|text).*?)|(?:\bmodel\.layers\.[\d]{1,}\.(?:self_attn|mlp)\.(?:(?:q_proj|down_proj)))"#,
                ["q_proj", "down_proj"]
            ),
            (["q_proj", "mlp.down_proj"], ["q_proj", "down_proj"]), ([JSONNode(q)], ["q_proj"]), (nil, ["q_proj"]), ("all-linear", []),
        ] as [(JSONNode, [String])])
    func targetsAreAListAPatternOrWhatTheMatricesSay(targets: JSONNode, names: [String]) throws {
        let folder = try Folder(
            [JSONMember("target_modules", targets)],
            Self.pair("base_model.model.\(Self.q).lora_A.weight", "base_model.model.\(Self.q).lora_B.weight"))
        defer { folder.remove() }
        let linears = try Self.linears()
        let found = Set(try AdapterFolder(folder.path).settings(on: linears).modules(on: linears).map(\.module.shortName))
        #expect(found == (names.isEmpty ? Set(linears.filter { !$0.isEmbedding }.map(\.shortName)) : Set(names)))
    }

    @Test func ranksAndScalesOfPatternsAreThoseOfPEFT() throws {
        var tensors = Self.pair("base_model.model.\(Self.q).lora_A.weight", "base_model.model.\(Self.q).lora_B.weight")
        tensors["base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight"] = Self.matrix(4, 16)
        tensors["base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight"] = Self.matrix(16, 4)
        let folder = try Folder(
            [
                JSONMember("use_rslora", true), JSONMember("rank_pattern", [#"layers\.1\..*q_proj"#: 4]),
                JSONMember("alpha_pattern", ["model.layers.0.self_attn.q_proj": 6]),
            ], tensors)
        defer { folder.remove() }
        let linears = try Self.linears()
        let modules = try AdapterFolder(folder.path).settings(on: linears).modules(on: linears)
        #expect(modules.map(\.rank) == [2, 4])
        #expect(modules.map(\.scale) == [6 / 2.0.squareRoot(), 16 / 2])
    }

    @Test(
        arguments: [
            ("lora_bias", true), ("bias", "some"), ("layer_replication", [[0, 1]]),
            ("target_parameters", ["mlp.experts"]), ("trainable_token_indices", [1, 2]), ("alora_invocation_tokens", [3]),
            ("init_lora_weights", "pissa_niter_4"), ("use_qalora", true), ("megatron_config", ["a": 1]), ("task_type", "QUESTION_ANS"),
            ("lora_gamma", 2.5), ("use_something", true),
        ] as [(String, JSONNode)])
    func aKeyThatMakesAnotherFunctionIsRefusedByItsName(key: String, value: JSONNode) throws {
        let folder = try Folder(
            [JSONMember(key, value)], Self.pair("base_model.model.\(Self.q).lora_A.weight", "base_model.model.\(Self.q).lora_B.weight"))
        defer { folder.remove() }
        #expect(Self.message(folder).contains("adapter_config.json: \(key): "))
        // Switched off it says nothing.
        let off = try Folder(
            [JSONMember(key == "bias" ? "x" : key, nil)],
            Self.pair("base_model.model.\(Self.q).lora_A.weight", "base_model.model.\(Self.q).lora_B.weight"))
        defer { off.remove() }
        #expect(Self.message(off) == "")
    }

    /// PEFT makes no adapter on such a module, so that its matrices would change nothing there.
    @Test func matricesThatTheConfigurationLeavesOutAreRefused() throws {
        let (a, b) = ("base_model.model.\(Self.q).lora_A.weight", "base_model.model.\(Self.q).lora_B.weight")
        for (key, value) in [("target_modules", JSONNode(".*\\.(k|v)_proj")), ("exclude_modules", ["q_proj"])] {
            let folder = try Folder([JSONMember(key, value)], Self.pair(a, b))
            defer { folder.remove() }
            #expect(Self.message(folder).contains("\(key) of adapter_config.json"), "\(Self.message(folder))")
        }
        let folder = try Folder([JSONMember("target_modules", ".*\\.(q|v)_proj")], Self.pair(a, b))
        defer { folder.remove() }
        #expect(Self.message(folder).isEmpty, "\(Self.message(folder))")
    }

    @Test func matricesThatAreNoNumbersOrSitElsewhereAreRefusedAtOnce() throws {
        let (a, b) = ("base_model.model.\(Self.q).lora_A.weight", "base_model.model.\(Self.q).lora_B.weight")
        var broken = Self.pair(a, b)
        broken[b]?.numbers[3] = .nan
        let cases: [(Folder.Tensors, String)] = [
            (broken, "\(b): holds a NaN or an infinity"), ([a: Self.matrix(2, 16)], "lora_B.weight: is missing"),
            (Self.pair("base_model.model.lm_head.lora_A.weight", "base_model.model.lm_head.lora_B.weight"), "is an adapter on lm_head"),
            (
                ["base_model.model.model.embed_tokens.lora_embedding_A": Self.matrix(2, 20)],
                "target_modules of adapter_config.json does not name"
            ),
            (
                [a: Self.matrix(2, 16), b: Self.matrix(16, 2), "base_model.model.lm_head.weight": Self.matrix(20, 16)],
                "lm_head.weight: is no matrix of an adapter (lora_A, lora_B), and adapter_config.json names no modules_to_save"
            ),
            (
                Self.pair(
                    "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight", "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight"
                ),
                "target_modules of adapter_config.json does not name"
            ),
        ]
        for (tensors, words) in cases {
            let folder = try Folder([], tensors)
            defer { folder.remove() }
            #expect(Self.message(folder).contains(words), "\(Self.message(folder))")
        }
    }
}
