import Foundation
import JSON
import Jobs
import Spool
import Storage
import Tensors
import TestSupport
import Testing
import Training
import Worker

/// Whole jobs with each kind of adapter.
@Suite(.serialized) struct AdapterKindJobTests {
    /// A manifest's section, and keys of `adapter_config.json` with what they then hold.
    struct Kind: Sendable, CustomStringConvertible {
        var description: String
        var adapter: JSONNode
        var configuration: [String: JSONNode]
        /// Whether the model has biases, which that of the trajectories has not.
        var needsBiases = false
    }

    /// The model of the trajectories as a Qwen 2, whose queries, keys and values have biases.
    private static func model(withBiases: Bool) throws -> String? {
        guard withBiases else { return nil }
        let folder = NSTemporaryDirectory() + "tala-biases-\(UUID().uuidString)"
        try FileManager.default.copyItem(atPath: ReferenceSet.own.trajectoryModel, toPath: folder)
        let configuration = try JSONParser().parse(DurableFiles.read(folder + "/config.json"))
        let changed: [JSONMember] = [JSONMember("model_type", "qwen2"), JSONMember("architectures", ["Qwen2ForCausalLM"])]
        let members = (configuration.object ?? []).filter { member in !changed.contains { $0.key == member.key } } + changed
        try DurableFiles.replace(folder + "/config.json", with: JSONWriter().string(JSONNode(members)))
        let weights = folder + "/model.safetensors"
        let stored = try SafetensorsFile(path: weights).tensors.sorted { $0.name < $1.name }.map { ($0.name, $0.shape, $0.floats()) }
        var all = stored
        for (name, shape, _) in stored where ["q_proj", "k_proj", "v_proj"].contains(where: { name.hasSuffix($0 + ".weight") }) {
            let numbers = (0..<shape[0]).map { Float($0 % 7) * 0.01 - 0.03 }
            all.append((name.replacing(".weight", with: ".bias"), [shape[0]], numbers))
        }
        try FileManager.default.removeItem(atPath: weights)
        var writer = try SafetensorsWriter(path: weights, entries: all.map { .init(name: $0.0, shape: $0.1, elementType: .float32) })
        for (_, _, numbers) in all { try numbers.withUnsafeBytes { try writer.append($0) } }
        try writer.finish()
        return folder
    }

    static let kinds = [
        Kind(
            description: "patterns",
            adapter: [
                "type": "lora", "rank": 4, "alpha": 8, "rank_pattern": ["o_proj": 2, "layers.0.mlp.down_proj": 6],
                "alpha_pattern": ["q_proj": 3],
            ], configuration: ["rank_pattern": ["o_proj": 2, "layers.0.mlp.down_proj": 6], "alpha_pattern": ["q_proj": 3]]),
        Kind(
            description: "layers", adapter: ["type": "lora", "layers_to_transform": 1, "exclude_modules": ["down_proj", "k_proj"]],
            configuration: [
                "layers_to_transform": [1], "target_modules": ["gate_proj", "o_proj", "q_proj", "up_proj", "v_proj"],
            ]),
        Kind(
            description: "expression", adapter: ["type": "lora", "target_modules": ".*\\.(0\\.self_attn\\.q|1\\.mlp\\.up)_proj"],
            configuration: ["target_modules": ["model.layers.0.self_attn.q_proj", "model.layers.1.mlp.up_proj"]]),
    ]

    static let kindsBeyondMatrices = [
        Kind(
            description: "bias all", adapter: ["type": "lora", "rank": 2, "bias": "all", "target_modules": ["q_proj", "down_proj"]],
            configuration: ["bias": "all"], needsBiases: true),
        Kind(
            description: "bias lora_only", adapter: ["type": "lora", "rank": 2, "bias": "lora_only", "target_modules": ["v_proj"]],
            configuration: ["bias": "lora_only"], needsBiases: true),
        Kind(
            description: "modules", adapter: ["type": "lora", "rank": 2, "modules_to_save": ["embed_tokens", "lm_head", "norm"]],
            configuration: ["modules_to_save": ["embed_tokens", "lm_head", "norm"]]),
        Kind(
            description: "embedding", adapter: ["type": "lora", "rank": 2, "modules_to_save": ["embed_tokens"]],
            configuration: ["modules_to_save": ["embed_tokens"]]),
        Kind(
            description: "matrices on the embedding",
            adapter: ["type": "lora", "rank": 2, "target_modules": ["embed_tokens", "q_proj"], "rank_pattern": ["embed_tokens": 3]],
            configuration: ["target_modules": ["embed_tokens", "q_proj"], "fan_in_fan_out": false]),
        Kind(
            description: "DoRA", adapter: ["type": "lora", "rank": 2, "use_dora": true], configuration: ["use_dora": true]),
        Kind(
            description: "DoRA with dropout and biases",
            adapter: [
                "type": "lora", "rank": 2, "use_dora": true, "dropout": 0.3, "bias": "lora_only", "target_modules": ["q_proj", "o_proj"],
            ],
            configuration: ["use_dora": true, "bias": "lora_only"], needsBiases: true),
    ]
    /// What begins as a part of the base has twice the rank in the end.
    static let beginnings = [
        Kind(
            description: "gaussian", adapter: ["type": "lora", "rank": 4, "init_lora_weights": "gaussian"],
            configuration: ["r": 4, "init_lora_weights": nil]),
        Kind(
            description: "PiSSA",
            adapter: ["type": "lora", "rank": 4, "alpha": 8, "init_lora_weights": "pissa", "rank_pattern": ["q_proj": 2]],
            configuration: ["r": 8, "lora_alpha": 16, "rank_pattern": ["q_proj": 4], "init_lora_weights": nil]),
        Kind(
            description: "PiSSA after three passes, rsLoRA, dropout",
            adapter: ["type": "lora", "rank": 2, "alpha": 2, "use_rslora": true, "dropout": 0.2, "init_lora_weights": "pissa_niter_3"],
            configuration: ["r": 4, "use_rslora": true, "init_lora_weights": nil]),
        Kind(
            description: "OLoRA",
            adapter: ["type": "lora", "rank": 2, "alpha": 2, "init_lora_weights": "olora", "target_modules": ["v_proj"]],
            configuration: ["r": 4, "lora_alpha": 4, "init_lora_weights": nil]),
    ]
    static let all = kinds + kindsBeyondMatrices + beginnings

    /// The job that is stopped has a checkpoint to go on from, and its result is read back before
    /// it succeeds.
    @Test(arguments: all) func aJobThatIsStoppedEndsInTheSameBytes(kind: Kind) throws {
        let changes: [String: JSONNode] = ["adapter": kind.adapter, "checkpoint": ["every_steps": 2], "shuffle": true]
        let model = try Self.model(withBiases: kind.needsBiases)
        let whole = try ReferenceJob(lora: true, model: model, changes: changes, steps: 6)
        let cut = try ReferenceJob(lora: true, model: model, changes: changes, steps: 6)
        defer {
            if let model { FolderListing.delete(model) }
            whole.remove()
            cut.remove()
        }
        #expect(try whole.run() == .succeeded, "\(whole.folder.status()?.error?.message ?? "")")
        #expect(try cut.run(stop: { (cut.metrics.last?["step"] ?? 0) >= 3 }) == .stopped)
        #expect(try cut.run() == .succeeded)
        for file in ["adapter/adapter_model.safetensors", "adapter/adapter_config.json", "merged/model.safetensors"] {
            #expect(try whole.resultBytes(file) == cut.resultBytes(file), "\(file)")
        }
        let configuration = try JSONParser().parse(whole.resultBytes("adapter/adapter_config.json"))
        for (key, value) in kind.configuration {
            #expect((configuration[key] ?? nil).withoutPlaces == value.withoutPlaces, "\(key)")
        }
    }

    /// The result is an adapter to start from, with its ranks and layers, whatever the manifest
    /// leaves open.
    @Test(arguments: all) func theResultIsGoneOnWith(kind: Kind) throws {
        let model = try Self.model(withBiases: kind.needsBiases)
        let first = try ReferenceJob(lora: true, model: model, changes: ["adapter": kind.adapter], steps: 2)
        defer {
            if let model { FolderListing.delete(model) }
            first.remove()
        }
        #expect(try first.run() == .succeeded, "\(first.folder.status()?.error?.message ?? "")")
        let loss = try JSONParser().parse(first.resultBytes("evaluation.json"))["validation"]?["loss"]?.double ?? 0
        let second = try ReferenceJob(
            lora: true, model: model, initialAdapter: first.folder.result + "/adapter",
            changes: ["adapter": ["type": "lora", "init_from": "a"], "schedule": ["type": "constant", "warmup_steps": 1]], steps: 1)
        defer { second.remove() }
        #expect(try second.run() == .succeeded, "\(second.folder.status()?.error?.message ?? "")")
        let after = try JSONParser().parse(second.resultBytes("evaluation.json"))["validation"]?["loss"]?.double ?? 1
        #expect(abs(loss - after) < 1e-6, "\(loss), gone on with \(after)")
    }

    /// A model whose embedding was its head has both in its files, and its configuration says so.
    @Test(arguments: [["embed_tokens"], ["lm_head"], ["embed_tokens", "lm_head"]]) func aTiedModelIsMergedToOneThatIsNot(modules: [String])
        throws
    {
        let job = try ReferenceJob(
            lora: true, changes: ["adapter": ["type": "lora", "rank": 2, "modules_to_save": JSONNode(modules.map { JSONNode($0) })]],
            steps: 3)
        defer { job.remove() }
        #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        let configuration = try JSONParser().parse(job.resultBytes("merged/config.json"))
        #expect(configuration["tie_word_embeddings"]?.bool == false)
        let merged = try SafetensorsFile(path: job.folder.result + "/merged/model.safetensors").tensors
        let base = try SafetensorsFile(path: ReferenceSet.own.trajectoryModel + "/model.safetensors").tensors
        let adapter = try SafetensorsFile(path: job.folder.result + "/adapter/adapter_model.safetensors").tensors
        let original = try #require(base.first { $0.name == "model.embed_tokens.weight" })
        for (module, name) in [("embed_tokens", "model.embed_tokens.weight"), ("lm_head", "lm_head.weight")] {
            let written = try #require(merged.first { $0.name == name }, "\(name)")
            let saved = adapter.first { $0.name == "base_model.model." + name }
            #expect((saved != nil) == modules.contains(module))
            #expect(written.floats() == (saved ?? original).floats(), "\(name)")
            if let saved { #expect(saved.floats() != original.floats(), "\(name) was not trained") }
        }
        let refused = try ReferenceJob(
            lora: true,
            changes: ["adapter": ["type": "lora", "modules_to_save": ["lm_head"]], "result": ["formats": ["gguf"]]], steps: 1)
        defer { refused.remove() }
        #expect(try refused.run() == .failed)
        #expect(refused.folder.status()?.error?.message.contains("the adapter makes embedding and head two") == true)
    }

    @Test func biasesOfAModelThatHasNoneAreRefused() throws {
        let job = try ReferenceJob(lora: true, changes: ["adapter": ["type": "lora", "bias": "all"]], steps: 1)
        defer { job.remove() }
        #expect(try job.run() == .failed)
        #expect(job.folder.status()?.error?.message.contains("adapter.bias: is all, but the model has no such biases") == true)
    }
}
