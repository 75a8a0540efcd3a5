import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import Tensors
import TestSupport
import Testing
import Worker

/// Adapters on quantised weights, through whole jobs (QLoRA: Dettmers et al. 2023,
/// arXiv:2305.14314).
@Suite(.serialized) struct QuantizedBaseTests {
    static let formats = ["q8", "nf4"]

    /// The loss over the whole validation set, and the mean training loss of the last ten steps.
    static func losses(_ changes: [String: JSONNode], device: String = "cpu", data: String? = nil, steps: Int? = nil) throws -> (
        validation: Double, training: Double
    ) {
        let job = try ReferenceJob(lora: true, device: device, data: data, changes: changes, steps: steps)
        defer { job.remove() }
        let outcome = try job.run()
        #expect(outcome == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        let last = job.metrics.suffix(10).compactMap { $0["train_loss"] }
        let validation = try JSONParser().parse(job.resultBytes("evaluation.json"))["validation"]?["loss"]?.double
        return (validation ?? .infinity, last.reduce(0, +) / Double(last.count))
    }

    /// On the demonstration's conversations, whose words the model knows: 0.35 % with nf4. On those
    /// of the trajectories, which begin at a loss of 10, 3 % remain after as many steps.
    @Test func fiftyStepsOnAQuantisedBaseEndWithinTwoPerCentOfTheLossOnTheFloat32Base() throws {
        let settings: [String: JSONNode] = [
            "shuffle": true, "adapter": ["type": "lora", "rank": 32], "schedule": ["type": "cosine", "warmup_steps": 5],
            "method": [
                "type": "supervised", "supervised": ["hyperparameters": ["max_steps": 50, "batch_size": 32, "learning_rate": 6e-3]],
            ],
        ]
        let data = ReferenceSet.checkout + "/demo/tune.jsonl"
        let exact = try Self.losses(settings.merging(["base_weights": "float32"]) { $1 }, data: data)
        for format in Self.formats {
            let found = try Self.losses(settings.merging(["base_weights": JSONNode(format)]) { $1 }, data: data)
            #expect(abs(found.validation - exact.validation) <= 0.02 * exact.validation, "\(format): \(found), float32: \(exact)")
            #expect(abs(found.training - exact.training) <= 0.02 * exact.training, "\(format): \(found), float32: \(exact)")
            #expect(found.training != exact.training)
        }
    }

    @Test(arguments: formats) func theBackendsTrainTheSameOnAQuantisedBase(_ format: String) throws {
        let changes: [String: JSONNode] = ["base_weights": JSONNode(format)]
        let processor = try Self.losses(changes, steps: 4)
        let vulkan = try Self.losses(changes, device: "vulkan", steps: 4)
        #expect(abs(processor.validation - vulkan.validation) <= 1e-5 * processor.validation, "\(processor) and \(vulkan)")
        #expect(abs(processor.training - vulkan.training) <= 1e-5 * processor.training, "\(processor) and \(vulkan)")
    }

    @Test(arguments: formats) func aJobOnAQuantisedBaseThatIsCutEndsInTheSameBytes(_ format: String) throws {
        let changes: [String: JSONNode] = ["base_weights": JSONNode(format), "shuffle": true, "checkpoint": ["every_steps": 3]]
        let whole = try ReferenceJob(lora: true, changes: changes, steps: 11)
        let cut = try ReferenceJob(lora: true, changes: changes, steps: 11)
        defer {
            whole.remove()
            cut.remove()
        }
        #expect(try whole.run() == .succeeded)
        for limit in [2, 7] { #expect(try cut.run(stop: { (cut.metrics.last?["step"] ?? 0) >= Double(limit) }) == .stopped) }
        #expect(try cut.run() == .succeeded)
        for file in ["adapter/adapter_model.safetensors", "merged/model.safetensors"] {
            #expect(try whole.resultBytes(file) == cut.resultBytes(file))
        }
        #expect(try String(decoding: whole.resultBytes("README.md"), as: UTF8.self).contains("\(format) while training"))
        #expect(try cut.folder.manifest().baseWeights.value?.rawValue == format)
    }

    private static let dora: JSONNode = ["type": "lora", "rank": 4, "alpha": 8, "use_dora": true]

    private static func evaluation(_ job: ReferenceJob) throws -> Double {
        let figures = try JSONParser().parse(job.resultBytes("evaluation.json"))
        return (figures["validation"]?["loss"] ?? figures["loss"])?.double ?? .infinity
    }

    /// The rows whose lengths DoRA divides by are those that lie on the device, in few bits: who
    /// loads the result over such a base has the same loss.
    @Test(arguments: formats) func aJobOfDoRAOnAQuantisedBaseEndsInTheSameBytesAndIsLoadedWithTheSameLoss(_ format: String) throws {
        let changes: [String: JSONNode] = [
            "adapter": Self.dora, "base_weights": JSONNode(format), "shuffle": true, "checkpoint": ["every_steps": 3],
        ]
        let whole = try ReferenceJob(lora: true, changes: changes, steps: 9)
        let cut = try ReferenceJob(lora: true, changes: changes, steps: 9)
        defer {
            whole.remove()
            cut.remove()
        }
        #expect(try whole.run() == .succeeded, "\(whole.folder.status()?.error?.message ?? "")")
        for limit in [2, 5] { #expect(try cut.run(stop: { (cut.metrics.last?["step"] ?? 0) >= Double(limit) }) == .stopped) }
        #expect(try cut.run() == .succeeded)
        for file in ["adapter/adapter_model.safetensors", "adapter/adapter_config.json", "merged/model.safetensors"] {
            #expect(try whole.resultBytes(file) == cut.resultBytes(file), "\(file)")
        }
        let loss = try Self.evaluation(whole)
        let (first, last) = (whole.metrics.first?["train_loss"] ?? 0, whole.metrics.last?["train_loss"] ?? .infinity)
        #expect(last < first, "\(first) to \(last)")

        let adapter = whole.folder.result + "/adapter"
        let judges: [String: JSONNode] = [
            "training_file": nil, "method": ["type": "evaluation", "evaluation": JSONNode([JSONMember]())],
            "adapter": ["type": "lora", "init_from": "a"],
        ]
        let validation = ReferenceSet.own.chatModel + "/validation.jsonl"
        let over = try ReferenceJob(
            lora: true, data: validation, initialAdapter: adapter, changes: judges.merging(["base_weights": JSONNode(format)]) { $1 })
        let merged = try ReferenceJob(
            lora: true, model: whole.folder.result + "/merged", data: validation,
            changes: judges.merging(["adapter": ["type": "lora"]]) { $1 })
        defer {
            over.remove()
            merged.remove()
        }
        for job in [over, merged] { #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")") }
        let (again, together) = (try Self.evaluation(over), try Self.evaluation(merged))
        #expect(abs(again - loss) < 1e-5 * loss, "\(loss), loaded again \(again)")
        // The original weights are others than those beside which it has learnt.
        #expect(abs(together - loss) < 0.05 * loss, "\(loss), merged \(together)")
    }

    /// What is merged is `m (W + s B A) / |W + s B A|`, row by row, with the original `W`.
    @Test func whatIsMergedOfDoRAOnAQuantisedBaseIsTheFormulasWithTheOriginalWeights() throws {
        let job = try ReferenceJob(lora: true, changes: ["adapter": Self.dora, "base_weights": "nf4"], steps: 4)
        defer { job.remove() }
        #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        func tensors(_ path: String) throws -> [String: StoredTensor] {
            Dictionary(uniqueKeysWithValues: try SafetensorsFile(path: path).tensors.map { ($0.name, $0) })
        }
        let base = try tensors(ReferenceSet.own.trajectoryModel + "/model.safetensors")
        let merged = try tensors(job.folder.result + "/merged/model.safetensors")
        let adapter = try tensors(job.folder.result + "/adapter/adapter_model.safetensors")
        for module in ["model.layers.0.self_attn.q_proj", "model.layers.2.mlp.down_proj"] {
            func part(_ name: String) throws -> StoredTensor { try #require(adapter["base_model.model.\(module).\(name)"], "\(name)") }
            let (a, b, m) = (
                try part("lora_A.weight").floats(), try part("lora_B.weight").floats(), try part("lora_magnitude_vector").floats()
            )
            let weight = try #require(base[module + ".weight"])
            let (w, found) = (weight.floats(), try #require(merged[module + ".weight"]).floats())
            let (rows, columns, rank, scale) = (weight.shape[0], weight.shape[1], 4, 2.0)
            var worst = 0.0
            for row in 0..<rows {
                let sums = (0..<columns).map { column -> Double in
                    let added = (0..<rank).reduce(0.0) { $0 + Double(b[row * rank + $1]) * Double(a[$1 * columns + column]) }
                    return Double(w[row * columns + column]) + scale * added
                }
                let length = sums.reduce(0) { $0 + $1 * $1 }.squareRoot()
                for column in 0..<columns {
                    worst = max(worst, abs(sums[column] * Double(m[row]) / length - Double(found[row * columns + column])))
                }
            }
            #expect(worst < 1e-6, "\(module) is off by \(worst)")
        }
    }

    @Test func fullTrainingOnAQuantisedBaseIsRefusedByName() throws {
        let job = try ReferenceJob(lora: false, changes: ["base_weights": "nf4"])
        defer { job.remove() }
        #expect(throws: ManifestError.self) { try job.run() }
    }
}
