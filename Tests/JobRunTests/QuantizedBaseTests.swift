import Foundation
import JSON
import Jobs
import Spool
import Storage
import Testing
import Worker

/// Adapters on quantised weights, through whole jobs (QLoRA: Dettmers et al. 2023, arXiv:2305.14314).
@Suite(.serialized, .enabled(if: SharedData.isThere)) struct QuantizedBaseTests {
    static let formats = ["q8", "nf4"]

    static func finalLoss(_ changes: [String: JSONNode], device: String = "cpu", steps: Int) throws -> Double {
        let job = try ReferenceJob(lora: true, device: device, changes: changes, steps: steps)
        defer { job.remove() }
        let outcome = try job.run()
        #expect(outcome == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        // The whole validation set, which is steadier than the last step's batch.
        return try JSONParser().parse(job.resultBytes("evaluation.json"))["validation"]?["loss"]?.double ?? .infinity
    }

    @Test(arguments: formats) func fiftyStepsOnAQuantisedBaseEndWithinTwoPerCentOfTheLossOnTheFloat32Base(_ format: String) throws {
        let exact = try Self.finalLoss(["base_weights": "float32"], steps: 50)
        let loss = try Self.finalLoss(["base_weights": JSONNode(format)], steps: 50)
        #expect(abs(loss - exact) <= 0.02 * exact, "\(format): \(loss), float32: \(exact)")
        #expect(loss != exact)
    }

    @Test(arguments: formats) func theBackendsTrainTheSameOnAQuantisedBase(_ format: String) throws {
        let changes: [String: JSONNode] = ["base_weights": JSONNode(format)]
        let processor = try Self.finalLoss(changes, steps: 6)
        let vulkan = try Self.finalLoss(changes, device: "vulkan", steps: 6)
        #expect(abs(processor - vulkan) <= 1e-5 * processor, "\(processor) and \(vulkan)")
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
        #expect(try cut.folder.manifest().baseWeights.rawValue == format)
    }

    @Test func fullTrainingOnAQuantisedBaseIsRefusedByName() throws {
        let job = try ReferenceJob(lora: false, changes: ["base_weights": "nf4"])
        defer { job.remove() }
        #expect(throws: ManifestError.self) { try job.run() }
    }
}
