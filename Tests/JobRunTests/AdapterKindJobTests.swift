import JSON
import Jobs
import Spool
import Storage
import Tensors
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

    /// The job that is stopped has a checkpoint to go on from, and its result is read back before
    /// it succeeds.
    @Test(arguments: kinds) func aJobThatIsStoppedEndsInTheSameBytes(kind: Kind) throws {
        let changes: [String: JSONNode] = ["adapter": kind.adapter, "checkpoint": ["every_steps": 2], "shuffle": true]
        let whole = try ReferenceJob(lora: true, changes: changes, steps: 6)
        let cut = try ReferenceJob(lora: true, changes: changes, steps: 6)
        defer {
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
        for (key, value) in kind.configuration { #expect(configuration[key]?.withoutPlaces == value.withoutPlaces, "\(key)") }
    }

    /// The result is an adapter to start from, with its ranks and layers, whatever the manifest
    /// leaves open.
    @Test(arguments: kinds) func theResultIsGoneOnWith(kind: Kind) throws {
        let first = try ReferenceJob(lora: true, changes: ["adapter": kind.adapter], steps: 2)
        defer { first.remove() }
        #expect(try first.run() == .succeeded, "\(first.folder.status()?.error?.message ?? "")")
        let loss = try JSONParser().parse(first.resultBytes("evaluation.json"))["validation"]?["loss"]?.double ?? 0
        let second = try ReferenceJob(
            lora: true, initialAdapter: first.folder.result + "/adapter",
            changes: ["adapter": ["type": "lora", "init_from": "a"], "schedule": ["type": "constant", "warmup_steps": 1]], steps: 1)
        defer { second.remove() }
        #expect(try second.run() == .succeeded, "\(second.folder.status()?.error?.message ?? "")")
        let after = try JSONParser().parse(second.resultBytes("evaluation.json"))["validation"]?["loss"]?.double ?? 1
        #expect(abs(loss - after) < 1e-6, "\(loss), gone on with \(after)")
    }
}
