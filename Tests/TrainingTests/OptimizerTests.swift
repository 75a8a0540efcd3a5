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
                // A rate that follows no schedule is not written down.
                guard let wanted = step[key]?.double else {
                    #expect(key == "lr" && golden["schedule"]?.isNull == true)
                    continue
                }
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

    private static func compareAdamW(_ set: ReferenceSet, on device: any ComputeDevice) throws {
        let golden = try set.json("optimizers/adamw/trajectory.json")
        var adamW = AdamWOptimizer()
        adamW.weightDecay = try #require(golden["optimizer"]?["weight_decay"]?.double)
        try compare(set, adamW, with: "adamw", on: device, peakRate: try #require(golden["optimizer"]?["lr"]?.double), within: 5e-5)
    }

    @Test(arguments: ReferenceSet.available) func adamWStepsAreTheReferencesOnTheProcessor(set: ReferenceSet) throws {
        try Self.compareAdamW(set, on: CPUDevice())
    }

    private static let withMore = ReferenceSet.available.filter { $0.has("optimizers/muon") }

    private static func adafactor(_ name: String) -> (AdafactorOptimizer, peakRate: Double) {
        var adafactor = AdafactorOptimizer()
        switch name {
        case "fixed":
            adafactor.scalesByParameter = 0
            return (adafactor, 1e-3)
        case "scaled":
            adafactor.weightDecay = 0.01
            return (adafactor, 5e-3)
        default:
            adafactor.isRelative = 1
            return (adafactor, 1)
        }
    }

    private static func compareMore(_ set: ReferenceSet, on device: any ComputeDevice) throws {
        for name in ["fixed", "scaled", "relative"] {
            let (adafactor, rate) = adafactor(name)
            try compare(set, adafactor, with: "adafactor-\(name)", on: device, peakRate: rate, within: 5e-5)
        }
        try compare(set, MuonOptimizer(), with: "muon", on: device, peakRate: 2e-3, within: 5e-5)
    }

    @Test(.enabled(if: !withMore.isEmpty, "../shared/golden is not there"), arguments: withMore)
    func adafactorAndMuonStepsAreTheReferencesOnTheProcessor(set: ReferenceSet) throws { try Self.compareMore(set, on: CPUDevice()) }

    @Test(.enabled(if: isVulkanThere && !withMore.isEmpty, "there is no Vulkan device, or no ../shared/golden"), arguments: withMore)
    func adafactorAndMuonStepsAreTheReferencesOnVulkan(set: ReferenceSet) throws { try Self.compareMore(set, on: VulkanDevice()) }

    /// Of a whole model Muon moves the matrices of the layers, AdamW vectors and the embedding.
    @Test(.enabled(if: !withMore.isEmpty, "../shared/golden is not there"), arguments: withMore)
    func muonStepsOfAWholeModelAreTheReferences(set: ReferenceSet) throws {
        let golden = try #require(try set.json("optimizers/muon/trajectory.json")["full_fine_tuning_8_steps"])
        for device in [try CPUDevice()] as [any ComputeDevice] + (Self.isVulkanThere ? [try VulkanDevice()] : []) {
            try Self.compareWhole(set, golden, on: device)
        }
    }

    private static func compareWhole(_ set: ReferenceSet, _ golden: JSONNode, on device: any ComputeDevice) throws {
        let steps = try #require(golden["steps"]?.array)
        let run = try TinyRun(
            model: set.chatModel, data: set.chatModel + "/train.jsonl", training: .full, optimizer: MuonOptimizer(), device: device,
            settings: RunSettings(
                batchSize: 4, totalSteps: steps.count,
                schedule: LearningRateSchedule(shape: .linear, peakRate: 2e-3, warmupSteps: 3, totalSteps: steps.count), seed: 1,
                isShuffled: false, microBatchTokens: 1_024))
        let before = try run.trained
        for step in steps {
            let result = try #require(try run.run.step())
            let (loss, norm) = (try #require(step["loss"]?.double), try #require(step["grad_norm"]?.double))
            #expect(abs(result.loss - loss) < 1e-4 && abs(result.gradientNorm - norm) < 1e-4 * norm, "step \(result.step): \(result.loss)")
        }
        let after = try run.trained
        for member in golden["norm_of_change"]?.object ?? [] {
            let (old, new) = (try #require(before[member.key]), try #require(after[member.key]))
            let change = zip(old, new).reduce(0.0) { $0 + Double($1.1 - $1.0) * Double($1.1 - $1.0) }.squareRoot()
            let wanted = member.node.double ?? 0
            #expect(abs(change - wanted) < 1e-3 * wanted, "\(device.name): \(member.key) has moved by \(change), reference \(wanted)")
        }
    }

    /// Moments in eight bits lead where those in float32 do, and take a quarter of the memory.
    @Test func eightBitsAMomentTrainAsFloat32Does() throws {
        func run(_ optimizer: any Optimizer) throws -> (losses: [Double], bytes: Int) {
            let run = try TinyRun(
                model: TinyRun.demo.model, data: TinyRun.demo.data, adapter: AdapterSettings(rank: 8, alpha: 16), optimizer: optimizer,
                device: CPUDevice(),
                settings: RunSettings(
                    batchSize: 8, totalSteps: 60,
                    schedule: LearningRateSchedule(shape: .cosine, peakRate: 3e-3, warmupSteps: 6, totalSteps: 60), seed: 1,
                    isShuffled: true, microBatchTokens: 512))
            var losses: [Double] = []
            for _ in 0..<60 { losses.append(try #require(try run.run.step()).loss) }
            return (losses, run.model.trainables.byteCount(optimizer.stateKinds))
        }
        let (exact, coarse) = (try run(AdamWOptimizer()), try run(AdamW8BitOptimizer()))
        func mean(_ losses: ArraySlice<Double>) -> Double { losses.reduce(0, +) / Double(losses.count) }
        let (wanted, found) = (mean(exact.losses.suffix(10)), mean(coarse.losses.suffix(10)))
        #expect(wanted < 0.8 * mean(exact.losses.prefix(5)), "the run is long enough to show something")
        #expect(abs(found - wanted) < 0.05 * wanted, "the last losses are \(found), with float32 \(wanted)")
        #expect(coarse.bytes * 2 < exact.bytes)
    }

    /// LoRA+: B has a rate of its own, in one step with A.
    @Test func theMatrixBMayMoveFasterThanA() throws {
        func trained(_ ratio: Double, steps: Int) throws -> [String: [Float]] {
            var sgd = SGDOptimizer()
            sgd.momentum = 0
            let run = try TinyRun(
                model: TinyRun.demo.model, data: TinyRun.demo.data, adapter: AdapterSettings(rank: 2, alpha: 4), adapterRateRatio: ratio,
                optimizer: sgd, device: CPUDevice(),
                settings: RunSettings(
                    batchSize: 4, totalSteps: 4,
                    schedule: LearningRateSchedule(shape: .constant, peakRate: 1e-2, warmupSteps: 0, totalSteps: 4), seed: 1,
                    isShuffled: false, microBatchTokens: 512))
            for _ in 0..<steps { _ = try run.run.step() }
            return try run.trained
        }
        let (even, uneven) = (try trained(1, steps: 1), try trained(16, steps: 1))
        for (key, numbers) in even where key.contains("lora_B") {
            let faster = try #require(uneven[key])
            // B begins at zero.
            #expect(zip(numbers, faster).allSatisfy { abs(16 * $0 - $1) <= 1e-5 * abs($1) + 1e-12 }, "\(key)")
            #expect(numbers.contains { $0 != 0 })
        }
        for (key, numbers) in even where key.contains("lora_A") { #expect(uneven[key] == numbers) }
    }

    private static let isVulkanThere = (try? VulkanDevice()) != nil

    @Test(.enabled(if: isVulkanThere, "there is no Vulkan device"), arguments: ReferenceSet.available)
    func stepsOfLionMomentumAndAdamWAreTheReferencesOnVulkan(set: ReferenceSet) throws {
        let device = try VulkanDevice()
        try Self.compare(set, Self.lion, with: "lion", on: device, peakRate: 3e-4, within: 1e-5)
        try Self.compare(set, SGDOptimizer(), with: "sgd-momentum", on: device, peakRate: 0.05, within: 5e-5)
        try Self.compareAdamW(set, on: device)
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
