import CPUBackend
import Foundation
import Graph
import JSON
import Manifest
import Models
import Storage
import Tensors
import TestSupport
import Testing
import Training
import VulkanBackend

@Suite(.serialized) struct OptimizerTests {
    /// Twenty steps on the reference model by an optimizer: rate, loss and norm of each step, and
    /// the adapter that comes out.
    static func compare(
        _ set: ReferenceSet, _ optimizer: any Optimizer, with name: String, on device: any ComputeDevice, peakRate: Double,
        within bound: Float
    ) throws {
        let golden = try set.json("optimizers/\(name)/trajectory.json")
        let steps = try #require(golden["steps"]?.array)
        let run = try TinyRun(
            model: set.chatModel, data: set.chatModel + "/train.jsonl",
            adapter: AdapterSettings(rank: 2, alpha: 4, initialFolder: set.path("optimizers/initial_adapter")),
            optimizer: optimizer, device: device,
            settings: RunSettings(
                batchSize: 4, totalSteps: steps.count,
                schedule: LearningRateSchedule(shape: .linear, peakRate: peakRate, warmupSteps: 3, totalSteps: steps.count), seed: 1,
                isShuffled: false, microBatchTokens: 1_024))
        for step in steps {
            let result = try #require(try run.run.step())
            for (what, found, key) in [
                ("rate", result.learningRate, "lr"), ("loss", result.loss, "loss"), ("norm", result.gradientNorm, "grad_norm"),
            ] {
                let wanted = try #require(step[key]?.double)
                #expect(
                    abs(found - wanted) <= 1e-4 * max(1, abs(wanted)), "\(name) step \(result.step): \(what) \(found), reference \(wanted)")
            }
        }
        let reference = try SafetensorsFile(path: set.path("optimizers/\(name)/adapter_model.safetensors")).tensors
        let found = try run.trained
        #expect(reference.count == found.count)
        var (compared, far) = (0, 0)
        for tensor in reference {
            let numbers = try #require(found[tensor.name], "\(tensor.name) was not trained")
            compared += numbers.count
            far += zip(numbers, tensor.floats()).count { abs($0 - $1) > bound }
        }
        // Where rounding decides the sign of a step, the whole step differs; that is for one number
        // in a thousand at most.
        #expect(far * 1_000 <= compared, "\(name): \(far) of \(compared) numbers are further than \(bound) from the reference")
    }

    static var lion: LionOptimizer {
        var lion = LionOptimizer()
        lion.weightDecay = 0.1
        return lion
    }

    @Test(arguments: ReferenceSet.available) func lionStepsAreTheReferencesOnTheProcessor(set: ReferenceSet) throws {
        try Self.compare(set, Self.lion, with: "lion", on: CPUDevice(), peakRate: 3e-4, within: 1e-5)
    }

    @Test(arguments: ReferenceSet.available) func stepsOfDescentWithMomentumAreTheReferencesOnTheProcessor(set: ReferenceSet) throws {
        try Self.compare(set, SGDOptimizer(), with: "sgd-momentum", on: CPUDevice(), peakRate: 0.05, within: 5e-5)
    }

    @Test(arguments: ReferenceSet.available) func adamWStepsAreTheReferencesOnTheProcessor(set: ReferenceSet) throws {
        let golden = try set.json("optimizers/adamw/trajectory.json")
        var adamW = AdamWOptimizer()
        adamW.weightDecay = try #require(golden["optimizer"]?["weight_decay"]?.double)
        try Self.compare(
            set, adamW, with: "adamw", on: CPUDevice(), peakRate: try #require(golden["optimizer"]?["lr"]?.double), within: 5e-5)
    }

    private static let isVulkanThere = (try? VulkanDevice()) != nil

    @Test(.enabled(if: isVulkanThere, "there is no Vulkan device"), arguments: ReferenceSet.available)
    func lionAndMomentumStepsAreTheReferencesOnVulkan(set: ReferenceSet) throws {
        let device = try VulkanDevice()
        try Self.compare(set, Self.lion, with: "lion", on: device, peakRate: 3e-4, within: 1e-5)
        try Self.compare(set, SGDOptimizer(), with: "sgd-momentum", on: device, peakRate: 0.05, within: 5e-5)
    }

    /// Every optimizer of the list: stopped after four steps and continued by another process, it
    /// ends as if nothing had happened.
    @Test(arguments: Optimizers.all.map { $0.name }) func aRunThatIsResumedEndsInTheSameNumbers(name: String) throws {
        let optimizer = try Optimizers.named(name, numbers: [:])
        let root = NSTemporaryDirectory() + "tala-optimizer-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: root) }
        func make(stepsDone: Int) throws -> TinyRun {
            try TinyRun(
                model: TinyRun.demo.model, data: TinyRun.demo.data, adapter: AdapterSettings(rank: 2, alpha: 4), optimizer: optimizer,
                device: CPUDevice(),
                settings: RunSettings(
                    batchSize: 4, totalSteps: 8,
                    schedule: LearningRateSchedule(shape: .constant, peakRate: 1e-3, warmupSteps: 0, totalSteps: 8),
                    seed: 1, isShuffled: true, microBatchTokens: 512),
                stepsDone: stepsDone)
        }
        let whole = try make(stepsDone: 0)
        let start = try whole.trained
        for _ in 0..<8 { _ = try whole.run.step() }
        let first = try make(stepsDone: 0)
        for _ in 0..<4 { _ = try first.run.step() }
        let fingerprint = InputFingerprint(["optimizer": name])
        let checkpoint = root + "/step-000004"
        try Checkpointing.write(
            CheckpointState(step: 4, trainedTokens: 0, fingerprint: fingerprint), of: first.run.session, to: checkpoint)
        let second = try make(stepsDone: 4)
        let state = try Checkpointing.restore(second.run.session, from: checkpoint, fingerprint: fingerprint)
        #expect(state.step == 4)
        for _ in 0..<4 { _ = try second.run.step() }
        #expect(try second.trained == whole.trained)
        #expect(try whole.trained != start)
        let files = try FolderListing.names(in: checkpoint)
        let listed = try JSONParser().parse(DurableFiles.read(checkpoint + "/state.json", limit: 1 << 20))["resume_files"]
        let resumeFiles = Set(listed?.array?.compactMap(\.string) ?? [])
        #expect(resumeFiles == Set(optimizer.states.map { $0 + ".safetensors" } + ["state.json"]))
        #expect(Set(files) == resumeFiles.union(["adapter_model.safetensors", WholeFolder.listName]))
    }

    /// A norm that is not finite must leave no trace: the run goes back to the last checkpoint's
    /// numbers.
    @Test(arguments: Optimizers.all.map { $0.name }) func aProfiledUpdateMovesNoParameter(name: String) throws {
        let optimizer = try Optimizers.named(name, numbers: ["weight_decay": 0.1])
        let scalars = optimizer.scalars(step: 1, learningRate: 0)
        #expect(scalars.count == optimizer.scalars(step: 1_000, learningRate: 1).count)
        #expect(scalars.allSatisfy { $0.isFinite })
        #expect(scalars.first == 0)
    }

    @Test func theNumbersOfAManifestTakeTheirPlaces() throws {
        let numbers = ["beta1": 0.5, "beta2": 0.75, "epsilon": 1e-3, "weight_decay": 0.25, "max_grad_norm": 2.0]
        let adamW = try #require(try Optimizers.named("adamw", numbers: numbers) as? AdamWOptimizer)
        #expect([adamW.beta1, adamW.beta2, adamW.epsilon, adamW.weightDecay, adamW.maximumGradientNorm] == [0.5, 0.75, 1e-3, 0.25, 2])
        let lion = try #require(try Optimizers.named("lion", numbers: ["beta1": 0.5]) as? LionOptimizer)
        #expect([lion.beta1, lion.beta2] == [0.5, 0.99])
        #expect(throws: TrainingError.self) { try Optimizers.named("no such optimizer", numbers: [:]) }
        #expect(Set(Optimizers.all.map { $0.name }).count == Optimizers.all.count)
    }
}
