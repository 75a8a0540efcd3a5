import CPUBackend
import Foundation
import Graph
import JSON
import Manifest
import Runtime
import Storage
import Tensors
import Testing

@testable import Models

/// Biases and whole modules that an adapter has beside its matrices.
@Suite struct AdapterCopyTests {
    private static func model(_ change: (inout AdapterSettings) -> Void, tied: Bool, kind: String = "qwen2") throws -> LanguageModel {
        var members = TinyModel.configuration.filter { !["model_type", "tie_word_embeddings"].contains($0.key) }
        members += [JSONMember("model_type", JSONNode(kind)), JSONMember("tie_word_embeddings", JSONNode(tied))]
        var settings = AdapterSettings(rank: 2, alpha: 4, targets: .names(["q_proj"]))
        change(&settings)
        return try LanguageModel(
            ModelConfiguration(json: JSONNode(members)), source: .random(seed: 3), training: .adapter(settings, seed: 1), maximumLength: 8)
    }

    private static func message(_ change: (inout AdapterSettings) -> Void, kind: String = "qwen2") -> String {
        do { _ = try model(change, tied: false, kind: kind) } catch { return "\(error)" }
        return ""
    }

    @Test func biasesHaveTheNamesThatPEFTStores() throws {
        let all = try Self.model({ $0.bias = .all }, tied: true)
        let prefix = "base_model.model.model.layers.0.self_attn."
        #expect(
            all.copies.filter { $0.name.contains("layers.0") }.map(\.key)
                == ["q_proj.base_layer", "k_proj", "v_proj"].map { prefix + $0 + ".bias" })
        let some = try Self.model({ $0.bias = .loraOnly }, tied: true)
        #expect(some.copies.allSatisfy { $0.key.hasSuffix("q_proj.base_layer.bias") && $0.isVector })
        #expect(some.copies.count == some.adapters.count)
    }

    /// A copy of either is tied to nothing: the other stays what it was.
    @Test(arguments: [["embed_tokens"], ["lm_head"], ["embed_tokens", "lm_head"]]) func aTiedHeadIsTwoOnceEitherIsSaved(modules: [String])
        throws
    {
        let model = try Self.model({ $0.savedModules = modules }, tied: true)
        #expect(model.isUntied)
        #expect(model.copies.map(\.name) == modules.map { $0 == "lm_head" ? "lm_head.weight" : "model.embed_tokens.weight" })
        #expect(model.frozenTensors.contains { $0.key == "model.embed_tokens.weight" } == (modules.count == 1))
        var graph = Graph()
        let pass = try model.addForward(to: &graph, tokenCount: 4, isTraining: true)
        #expect(pass.trainedHeadKey == (modules.contains("lm_head") ? "base_model.model.lm_head.weight" : nil))
        let keys = Set(graph.persistentTensors.map(\.key))
        #expect(keys.contains("base_model.model.model.embed_tokens.weight") == modules.contains("embed_tokens"))
        #expect(keys.contains("model.embed_tokens.weight") == (modules.count == 1))
        // Both begin as the embedding.
        let device = try CPUDevice()
        let memory = try device.makePersistentMemory(model.layout(within: device.limits), mapped: [:])
        try model.fill(memory, mapped: [])
        let numbers = try model.copies.map { try model.read($0.key, memory) }
        #expect(numbers.allSatisfy { $0 == numbers[0] && $0.contains { $0 != 0 } })
    }

    @Test func aModuleThatIsNotThereOrHasAnAdapterIsRefused() {
        #expect(
            Self.message { $0.savedModules = ["embedding"] }.contains(
                "modules_to_save: the model has no module \"embedding\"; its modules are"))
        #expect(Self.message { $0.savedModules = ["q_proj"] }.contains("which has an adapter too"))
        #expect(Self.message { $0.savedModules = ["norm", "k_proj"] }.isEmpty)
    }

    @Test func tensorsOfAFolderAreThoseThatItsConfigurationNames() throws {
        let (a, b) = ("base_model.model.\(AdapterFolderTests.q).lora_A.weight", "base_model.model.\(AdapterFolderTests.q).lora_B.weight")
        let saved: [JSONMember] = [
            JSONMember("modules_to_save", ["lm_head"]), JSONMember("target_modules", [JSONNode(AdapterFolderTests.q)]),
        ]
        let vocabulary = 20
        func message(_ name: String?, _ shape: (Int, Int) = (20, 16)) throws -> String {
            var tensors = AdapterFolderTests.pair(a, b)
            if let name { tensors[name] = AdapterFolderTests.matrix(shape.0, shape.1) }
            let folder = try AdapterFolderTests.Folder(saved, tensors)
            defer { folder.remove() }
            let configuration = try ModelConfiguration(json: JSONNode(TinyModel.configuration))
            do {
                let settings = try AdapterFolder(folder.path).settings(on: AdapterFolderTests.linears())
                #expect(settings.savedModules == ["lm_head"] && settings.beyondMatrices([])?.contains("modules_to_save: lm_head") == true)
                let model = try LanguageModel(
                    configuration, source: .random(seed: 1), training: .adapter(settings, seed: 1), maximumLength: 8)
                #expect(model.initialCopies["base_model.model.lm_head.weight"]?.elementCount == vocabulary * 16)
            } catch { return "\(error)" }
            return ""
        }
        for name in ["base_model.model.lm_head.weight", "lm_head.weight", "base_model.model.lm_head.modules_to_save.default.weight"] {
            #expect(try message(name) == "")
        }
        #expect(try message(nil).contains("base_model.model.lm_head.weight: is missing"))
        #expect(try message("base_model.model.lm_head.weight", (19, 16)).contains("has the shape [19, 16], the model needs [20, 16]"))
        #expect(try message("base_model.model.model.norm.weight").contains("of no bias or module that adapter_config.json names"))
    }
}
