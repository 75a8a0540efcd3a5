import Foundation
import GGUF
import JSON
import Storage
import Tensors
import TestSupport
import Testing

@testable import Export
@testable import GGUFModels
@testable import Models

/// Files as llama.cpp's converters write them from the same folders: tensors byte for byte.
@Suite struct GGUFExportTests {
    private static let folder = ReferenceSet.shared.path("gguf")
    private static let hasReference = ReferenceSet.available.contains(.shared)
    private static let types: [String: GGUFMix] = ["f32": .f32, "f16": .f16, "bf16": .bf16, "q8_0": .q8_0]

    /// Names of the reference's files whose type is written here.
    private static let models: [String] = {
        guard hasReference else { return [] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder + "/models")) ?? []
        return names.filter { type(of: $0) != nil }.sorted()
    }()

    private static func type(of name: String) -> GGUFMix? { types[name.dropLast(5).split(separator: "-").last.map(String.init) ?? ""] }

    private static func write(_ texts: any ModelFolder, _ checkpoint: Checkpoint, _ mix: GGUFMix, to path: String) throws {
        let plan = try GGUFPlan(GGUFTexts(texts), checkpoint, mix: mix, name: "Name")
        try GGUFExport.writeModel(plan, StoredRows(checkpoint), to: path)
    }

    private static func scratch() -> String { NSTemporaryDirectory() + "tala-gguf-\(UUID().uuidString).gguf" }

    /// Keys that the converter writes and llama.cpp does not need: a begin token that the tokenizer
    /// does not name, separators.
    private static let others: Set<String> = [
        "general.name", "general.size_label", "tokenizer.ggml.bos_token_id", "tokenizer.ggml.add_sep_token", "tokenizer.ggml.eot_token_id",
        "tokenizer.ggml.scores",
    ]

    @Test(.enabled(if: hasReference, "../shared/golden is not there"), arguments: models)
    func aFileIsThatOfLlamaCppsConverter(name: String) throws {
        let golden = try JSONParser().parse([UInt8](Data(contentsOf: URL(fileURLWithPath: Self.folder + "/golden.json"))))["models"]?[name]
        let source = Self.folder + "/" + (try #require(golden?["source"]?.string))
        let texts = JoinedFolder(source, tokenizer: Self.folder + "/" + (try #require(golden?["tokenizer"]?.string)))
        let path = Self.scratch()
        defer { FolderListing.delete(path) }
        try Self.write(texts, Checkpoint(folder: source), try #require(Self.type(of: name)), to: path)
        let (written, reference) = (try GGUFFile(path), try GGUFFile(Self.folder + "/models/" + name))
        #expect(Set(written.tensors.keys) == Set(reference.tensors.keys))
        // The converter computes Llama 3's factors in float32.
        for (key, tensor) in reference.tensors where key != "rope_freqs.weight" { #expect(written.tensors[key] == tensor, "\(key)") }
        for (found, expected) in zip(Self.floats(written.tensors["rope_freqs.weight"]), Self.floats(reference.tensors["rope_freqs.weight"]))
        {
            #expect(abs(found - expected) <= 1e-6 * expected)
        }
        let tokens = reference.metadata["tokenizer.ggml.tokens"]?.split(separator: "\u{1}").map(String.init) ?? []
        #expect(Self.order(tokens, of: written) == Self.order(tokens, of: reference))
        for (key, value) in reference.metadata where !Self.others.contains(key) {
            #expect(written.metadata[key] == value, "\(key): \(written.metadata[key]?.prefix(80) ?? "nothing"), not \(value.prefix(80))")
        }
    }

    /// The pieces of more than one character by their scores. Pieces that no merge makes are never
    /// asked for theirs, and of the others the order counts alone.
    private static func order(_ tokens: [String], of file: GGUFFile) -> [String] {
        let scores = file.metadata["tokenizer.ggml.scores"]?.split(separator: "\u{1}").compactMap { Double($0) } ?? []
        let made = zip(tokens, scores).filter { $0.0.unicodeScalars.count > 1 && !$0.0.hasPrefix("<0x") && $0.1 > -1000 }
        return made.enumerated().sorted { ($1.element.1, $0.offset) < ($0.element.1, $1.offset) }.map(\.element.0)
    }

    private static func floats(_ tensor: GGUFFile.Tensor?) -> [Float] {
        tensor?.bytes.withUnsafeBytes { bytes in
            (0..<(bytes.count / 4)).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        } ?? []
    }

    @Test func rowsOfHeadsAreInterleavedAndBack() {
        let rows = (0..<16).map { GGUFArchitecture.Change.interleaveHeads(2).source(ofRow: $0, rows: 16) }
        #expect(rows == [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15])
        #expect(GGUFArchitecture.Change.none.source(ofRow: 5, rows: 16) == 5)
        let thirds = (0..<12).map { GGUFArchitecture.Change.gatherThirds(2).source(ofRow: $0, rows: 12) }
        #expect(thirds == [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11])
    }

    @Test(arguments: [
        (134_515_008, "135M"), (3_821_079_552, "3.8B"), (8_030_261_248, "8.0B"), (27_000_000_000, "27B"), (260_032, "260K"),
        (1_500_000, "1.5M"),
    ])
    func sizesAreNamedAsInNamesOfFiles(count: Int, label: String) { #expect(GGUFPlan.sizeLabel(count) == label) }

    @Test func blocksOfEightBitsAreWhatTheFormatsTextSays() {
        var numbers = (0..<64).map { Float($0 - 20) / 7 }
        numbers.replaceSubrange(32..<64, with: repeatElement(0, count: 32))
        let bytes = numbers.withUnsafeBufferPointer { GGUFType.q8_0.bytes($0) }
        #expect(bytes.count == 68 && bytes[34...].allSatisfy { $0 == 0 })
        let scale = FloatConversion.float(fromHalf: UInt16(bytes[0]) | UInt16(bytes[1]) << 8)
        for index in 0..<32 {
            let value = scale * Float(Int8(bitPattern: bytes[2 + index]))
            #expect(abs(value - numbers[index]) <= scale * 0.51, "\(index)")
        }
    }

    /// `Tests/Reference` is in every clone: weights come back as they were, whatever the family.
    @Test(arguments: [
        "llama-tiny", "mistral-tiny", "qwen2-tiny", "qwen3-tiny", "phi3-tiny", "gemma3-tiny", "olmo2-tiny", "granite-tiny", "smollm3-tiny",
    ])
    func noNumberIsLostOnTheWay(name: String) throws {
        let source = ReferenceSet.own.path("models/" + name)
        let path = Self.scratch()
        defer { FolderListing.delete(path) }
        let checkpoint = try Checkpoint(folder: source)
        let texts = JoinedFolder(source, tokenizer: ReferenceSet.own.chatModel)
        do {
            try Self.write(texts, checkpoint, .f32, to: path)
        } catch let error as GGUFError {
            // A reference may have a setting that a file cannot say; then nothing is written.
            #expect("\(error)".hasPrefix("config.json: ") && !FolderListing.exists(path), "\(error)")
            return
        }
        let written = try GGUFFile(path)
        let known = written.tensors.filter { !$0.key.hasPrefix("rope_") }
        let isGemma = name.hasPrefix("gemma")
        func sum(_ numbers: [Float]) -> Double { numbers.reduce(0) { $0 + Double($1) * Double($1) } }
        let stored = checkpoint.tensors.values.filter { !$0.name.hasPrefix("lm_head") || known["output.weight"] != nil }
        #expect(known.count == stored.count)
        guard !isGemma else { return }
        let before = stored.reduce(0) { $0 + sum($1.floats()) }
        let after = known.values.reduce(0.0) { total, tensor in
            total
                + tensor.bytes.withUnsafeBytes { bytes in
                    (0..<(bytes.count / 4)).reduce(0.0) {
                        $0 + Double(bytes.loadUnaligned(fromByteOffset: 4 * $1, as: Float.self)).magnitudeSquared
                    }
                }
        }
        #expect(abs(before - after) <= 1e-9 * before)
    }

    private static func adapter(_ name: String) -> (base: String, adapter: String)? {
        switch name {
        case "llama-tiny-lora-f32.gguf", "phi3-tiny-lora-f32.gguf":
            let model = String(name.dropLast("-lora-f32.gguf".count))
            return (ReferenceSet.shared.path("models/" + model), ReferenceSet.shared.path("adapters/" + model + "-lora"))
        case "stories260k-r8-f32.gguf":
            return (ReferenceSet.shared.path("stories260k"), ReferenceSet.shared.path("trajectory/lora-r8/final_adapter"))
        default: return nil
        }
    }

    @Test(
        .enabled(if: hasReference, "../shared/golden is not there"),
        arguments: ["llama-tiny-lora-f32.gguf", "phi3-tiny-lora-f32.gguf", "stories260k-r8-f32.gguf"])
    func anAdaptersFileHasTheMatricesOfLlamaCppsConverter(name: String) throws {
        let (base, folder) = try #require(Self.adapter(name))
        guard FolderListing.leads(folder + "/adapter_config.json") else {
            print("skipped: \(folder) is not there")
            return
        }
        let linears = try LanguageModel.linearModules(of: ModelConfiguration(folder: base))
        let adapter = try AdapterFolder(folder)
        let modules = try adapter.settings(on: linears).modules(on: linears)
        let numbers = Dictionary(try adapter.numbers(for: modules, on: linears).map { ($0.key, $0.numbers) }) { first, _ in first }
        let path = Self.scratch()
        defer { FolderListing.delete(path) }
        let texts = JoinedFolder(base, tokenizer: ReferenceSet.own.chatModel)
        try GGUFExport.writeAdapter(modules, numbers: { numbers[$0] ?? [] }, base: GGUFTexts(texts), name: "Name", to: path)
        let (written, reference) = (try GGUFFile(path), try GGUFFile(Self.folder + "/adapters/" + name))
        #expect(written.tensors == reference.tensors)
        for key in ["general.architecture", "general.type", "adapter.type", "adapter.lora.alpha", "general.quantization_version"] {
            #expect(written.metadata[key] == reference.metadata[key], "\(key)")
        }
    }

    @Test func everyScalingIsFoldedIntoTheMatrices() throws {
        func module(_ name: String, rank: Int, scale: Double) -> AdapterModule {
            AdapterModule(module: LinearModule(name: name, inputs: 64, outputs: 64), rank: rank, scale: scale, stream: 0)
        }
        // rsLoRA, a rank of its own, an alpha of its own.
        let modules = [
            module("model.layers.0.self_attn.o_proj", rank: 4, scale: 8 / 2.0),
            module("model.layers.0.self_attn.v_proj", rank: 2, scale: 3),
        ]
        let texts = JoinedFolder(ReferenceSet.own.path("models/llama-tiny"), tokenizer: ReferenceSet.own.chatModel)
        let path = Self.scratch()
        defer { FolderListing.delete(path) }
        try GGUFExport.writeAdapter(
            modules, numbers: { key in [Float](repeating: 1, count: 64 * (key.contains("o_proj") ? 4 : 2)) }, base: GGUFTexts(texts),
            name: "Name",
            to: path)
        let file = try GGUFFile(path)
        let alpha = Double(try #require(file.metadata["adapter.lora.alpha"].flatMap { Float($0) }))
        for (name, rank, scale) in [("attn_output", 4, 4.0), ("attn_v", 2, 3.0)] {
            let b = try #require(file.tensors["blk.0.\(name).weight.lora_b"])
            let number = b.bytes.withUnsafeBytes { Double($0.loadUnaligned(as: Float.self)) }
            #expect(abs(alpha / Double(rank) * number - scale) < 1e-6, "\(name)")
        }
    }

    @Test func everyFamilyOfTheListIsOneThatIsTrained() {
        let types = GGUFFamilies.all.map { $0.modelType }
        #expect(Set(types).count == types.count)
        #expect(Set(types).isSubset(of: ModelFamilies.all.map { $0.modelType }))
    }

    /// LongRoPE's scores are scaled by what config.json says; where it says nothing, by what
    /// transformers computes from the lengths.
    @Test(arguments: [(1.5, 1.5), (nil, (1 + log(32.0) / log(4096.0)).squareRoot())] as [(Double?, Double)])
    func scoresOfLongropeAreScaledAsTheConfigurationSays(given: Double?, expected: Double) throws {
        var scaling: [JSONMember] = [
            JSONMember("type", "longrope"), JSONMember("short_factor", [1, 1]), JSONMember("long_factor", [2, 4]),
        ]
        if let given { scaling.append(JSONMember("attention_factor", JSONNode(given))) }
        let architecture = try GGUFArchitecture([
            "model_type": "phi3", "hidden_size": 16, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 8,
            "max_position_embeddings": 131_072, "original_max_position_embeddings": 4096, "vocab_size": 32,
            "rope_scaling": JSONNode(scaling),
        ])
        let keys = try architecture.metadata()
        #expect(keys.first { $0.0 == "phi3.rope.scaling.attn_factor" }?.1 == .float32(expected))
    }

    @Test func whatAFileCannotSayIsRefusedByName() throws {
        let cases: [(JSONNode, String)] = [
            (["model_type": "bloom"], "bloom"),
            (
                [
                    "model_type": "gemma2", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 8,
                    "max_position_embeddings": 64, "vocab_size": 32, "head_dim": 16, "query_pre_attn_scalar": 24,
                ], "query_pre_attn_scalar"
            ),
            (
                [
                    "model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 8,
                    "max_position_embeddings": 64, "vocab_size": 32, "rope_scaling": ["rope_type": "dynamic", "factor": 2],
                ], "dynamic"
            ),
        ]
        for (configuration, word) in cases {
            do throws(GGUFError) {
                _ = try GGUFArchitecture(configuration)
                Issue.record("\(word) was taken")
            } catch { #expect(error.description.contains(word), "\(error)") }
        }
    }

    /// What llama.cpp does not load, or computes otherwise without a word.
    @Test(
        arguments: [
            ("llama", "hidden_act", "gelu"), ("starcoder2", "hidden_act", "silu"), ("qwen3", "attention_bias", true),
            ("smollm3", "mlp_bias", true), ("gpt_oss", "attention_bias", false), ("starcoder2", "use_bias", false),
            ("gemma3_text", "query_pre_attn_scalar", 20), ("gemma2", "layer_types", ["full_attention", "sliding_attention"]),
            ("smollm3", "no_rope_layers", [1, 0]), ("qwen2", "rope_scaling", ["rope_type": "llama3", "factor": 2]),
            ("smollm3", "layer_types", ["sliding_attention", "full_attention"]),
        ] as [(String, String, JSONNode)])
    func whatLlamaCppComputesOtherwiseIsRefused(type: String, key: String, value: JSONNode) throws {
        let members: [JSONMember] = [
            JSONMember("model_type", JSONNode(type)), JSONMember("hidden_size", 64), JSONMember("num_attention_heads", 4),
            JSONMember("num_hidden_layers", 2), JSONMember("intermediate_size", 8), JSONMember("max_position_embeddings", 64),
            JSONMember("vocab_size", 32), JSONMember("head_dim", 16), JSONMember("sliding_window", 8),
        ]
        _ = try GGUFArchitecture(JSONNode(members))
        do throws(GGUFError) {
            _ = try GGUFArchitecture(JSONNode(members + [JSONMember(key, value)]))
            Issue.record("\(type): \(key) \(value) was taken")
        } catch { #expect(error.description.contains(key) || error.description.contains("llama3"), "\(error)") }
    }

    /// Files have what YaRN's scores are scaled by as a multiple of `0.1 ln(s) + 1`.
    @Test func scoresOfYaRNAreScaledAsTheConfigurationSays() throws {
        let base: [JSONMember] = [
            JSONMember("model_type", "llama"), JSONMember("hidden_size", 64), JSONMember("num_attention_heads", 4),
            JSONMember("num_hidden_layers", 2), JSONMember("intermediate_size", 8), JSONMember("max_position_embeddings", 64),
            JSONMember("vocab_size", 32),
        ]
        func factor(_ more: [JSONMember]) throws -> Double? {
            let scaling = [JSONMember("rope_type", "yarn"), JSONMember("factor", 4)] + more
            let keys = try GGUFArchitecture(JSONNode(base + [JSONMember("rope_scaling", JSONNode(scaling))])).metadata()
            guard case .float32(let number)? = keys.first(where: { $0.0 == "llama.rope.scaling.attn_factor" })?.1 else { return nil }
            return number
        }
        let usual = 0.1 * log(4.0) + 1
        #expect(try factor([]) == nil)
        #expect(try abs((factor([JSONMember("attention_factor", 1.3)]) ?? 0) - 1.3 / usual) < 1e-12)
        let ratio = (0.1 * 1.1 * log(4.0) + 1) / (0.1 * 0.7 * log(4.0) + 1)
        let found = try factor([JSONMember("mscale", 1.1), JSONMember("mscale_all_dim", 0.7)])
        #expect(abs((found ?? 0) - ratio / usual) < 1e-12)
    }
}

extension Double {
    fileprivate var magnitudeSquared: Double { self * self }
}
