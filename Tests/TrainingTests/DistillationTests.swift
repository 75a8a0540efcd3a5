import CPUBackend
import Datasets
import Graph
import JSON
import Manifest
import Models
import Tensors
import TestSupport
import Testing
import VulkanBackend

@testable import Training

/// The loss of a model that learns from another, against torch: the small chat model as the
/// student, the demonstration's as the teacher.
@Suite(.serialized) struct DistillationTests {
    /// What torch has computed for each form.
    private struct Golden {
        let tensors: [String: StoredTensor]
        let figures: JSONNode

        init() throws {
            let set = ReferenceSet.own
            let file = try SafetensorsFile(path: set.path("distillation/one-batch/golden.safetensors"))
            tensors = Dictionary(file.tensors.map { ($0.name, $0) }) { first, _ in first }
            figures = try #require(try set.json("distillation/one-batch/golden.json")["forms"])
        }

        func samples() throws -> [Sample] {
            func integers(_ name: String) throws -> [Int] {
                let tensor = try #require(tensors[name])
                let start = try #require(tensor.bytes.baseAddress)
                return (0..<tensor.elementCount).map { Int(start.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
            }
            let (ids, mask, labels) = try (integers("input_ids"), integers("attention_mask"), integers("labels"))
            let width = try #require(tensors["input_ids"]?.shape.last)
            return stride(from: 0, to: ids.count, by: width).map { start in
                let places = (start..<start + width).filter { mask[$0] == 1 }
                return Sample(ids: places.map { Int32(ids[$0]) }, isTrained: places.map { labels[$0] >= 0 })
            }
        }
    }

    private static func settings(_ form: JSONNode) throws -> Manifest.Distillation {
        var settings = Manifest.Distillation()
        settings.temperature = try #require(form["temperature"]?.double)
        settings.alpha = try #require(form["alpha"]?.double)
        return settings
    }

    private static func teacher(_ format: BaseWeights = .stored) throws -> TeacherModel {
        let folder = ReferenceSet.own.trajectoryModel
        return try TeacherModel(
            ModelConfiguration(folder: folder), Checkpoint(folder: folder), precision: .init(baseWeights: format), maximumLength: 256)
    }

    /// A session of the student with its teacher, and a batch for it.
    private static func session(
        _ settings: Manifest.Distillation, _ samples: [Sample], isLoRA: Bool, on device: any ComputeDevice,
        teacher: TeacherModel, logitsByteLimit: Int = Programs.defaultLogitsByteLimit
    ) throws -> (session: TrainingSession, batch: PackedBatch) {
        let folder = ReferenceSet.own.chatModel
        let model = try LanguageModel(
            ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)),
            training: isLoRA ? .adapter(AdapterSettings(rank: 2, alpha: 4), seed: 1) : .full, maximumLength: 256, decaysAll: true,
            pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        let size = ProgramSize(
            roundingUp: samples.reduce(0) { $0 + $1.size.tokenCount }, samples.reduce(0) { $0 + $1.size.trainedTokenCount })
        let objective = DistillationObjective(settings).guided(by: teacher.head)
        let session = try TrainingSession(
            device: device,
            programs: Programs(model: model, optimizer: AdamWOptimizer(), objective: objective, logitsByteLimit: logitsByteLimit),
            largest: size)
        try session.take(Teacher(teacher, device: device, largest: size))
        let batch = PackedBatch(
            samples, for: objective, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount, window: nil,
            rotary: model.rotaryRows)
        return (session, batch)
    }

    private static func name(_ key: String) -> String { String(key.dropFirst("base_model.model.".count).dropLast(".weight".count)) }

    private static func compare(on device: any ComputeDevice, logitsByteLimit: Int = Programs.defaultLogitsByteLimit) throws {
        let golden = try Golden()
        let samples = try golden.samples()
        let teacher = try teacher()
        let forms = try #require(golden.figures.object)
        #expect(forms.count == 3)
        for form in forms {
            for kind in ["lora", "full"] {
                let (session, batch) = try session(
                    settings(form.node), samples, isLoRA: kind == "lora", on: device, teacher: teacher, logitsByteLimit: logitsByteLimit)
                let model = session.programs.model
                let label = "\(device.name), \(form.key) \(kind)"
                if kind == "lora" {
                    for parameter in model.trainables.parameters {
                        let initial = try #require(golden.tensors["init." + name(parameter.key)], "\(name(parameter.key))")
                        try model.write(initial.floats(), parameter.key, session.persistent)
                    }
                }
                let steps = try #require(form.node[kind]?.array)
                #expect(steps.count == 5)
                for (index, wanted) in steps.enumerated() {
                    let measures = try session.addGradients(
                        of: batch, batchWeight: batch.weight, seed: 1, step: index + 1, microBatch: 0)
                    for key in ["loss", "distillation", "cross_entropy"] {
                        let reference = try #require(wanted[key]?.double)
                        let found = measures[key].mean
                        #expect(abs(found - reference) < 2e-5, "\(label), step \(index + 1): \(key) \(found), reference \(reference)")
                    }
                    if index == 0, kind == "lora" { try compareGradients(golden, form.key, session, label) }
                    let norm = try session.update(learningRate: 1e-3, step: index + 1)
                    let reference = try #require(wanted["grad_norm"]?.double)
                    #expect(abs(norm - reference) < 2e-4 * reference, "\(label), step \(index + 1): norm \(norm), reference \(reference)")
                }
                guard kind == "lora" else { continue }
                for parameter in model.trainables.parameters {
                    let reference = try #require(golden.tensors["\(form.key).after5.\(name(parameter.key))"]).floats()
                    let errors = zip(try model.read(parameter.key, session.persistent), reference).map { abs($0 - $1) }
                    let far = errors.filter { $0 > 5e-5 }.count
                    #expect(
                        errors.count == reference.count && far <= max(1, errors.count / 1000) && (errors.max() ?? 9) <= 5e-3,
                        "\(label): \(far) of \(errors.count) entries of \(parameter.key) are off by more than 5e-5")
                }
            }
        }
    }

    private static func compareGradients(_ golden: Golden, _ form: String, _ session: TrainingSession, _ label: String) throws {
        let model = session.programs.model
        for parameter in model.trainables.parameters {
            let reference = try #require(golden.tensors["\(form).grad.\(name(parameter.key))"]).floats()
            let gradient = try #require(model.trainables.tensor(of: parameter.key, .gradient))
            let found = try model.read(gradient.key, session.persistent)
            let largest = reference.map { abs($0) }.max() ?? 0
            let error = zip(found, reference).map { abs($0 - $1) }.max() ?? .infinity
            #expect(found.count == reference.count && error <= 2e-4 * largest, "\(label), \(parameter.key): off by \(error) of \(largest)")
        }
    }

    private static let isVulkanThere = (try? VulkanDevice()) != nil

    @Test func fiveStepsOnTheProcessorAreTheReferences() throws { try Self.compare(on: CPUDevice()) }

    @Test(.enabled(if: isVulkanThere, "there is no Vulkan device")) func fiveStepsOnVulkanAreTheReferences() throws {
        try Self.compare(on: VulkanDevice())
    }

    /// Neither chunks of rows nor tensors that are cut, the teacher's head among them, change
    /// anything.
    @Test func logitsOfFewRowsAndTensorsInPiecesGiveTheSame() throws {
        let limits = MemoryLimits(maximumBlockBytes: 512 << 10, maximumTensorBytes: 168 << 10, alignment: 256)
        try Self.compare(on: CPUDevice(limits: limits), logitsByteLimit: 16 << 10)
    }

    /// A teacher whose weights lie in few bits says nearly the same; evaluation does not ask it.
    @Test(arguments: [BaseWeights.q8, .nf4]) func aTeacherMayLieInFewBits(format: BaseWeights) throws {
        let golden = try Golden()
        let samples = try golden.samples()
        let form = try #require(golden.figures["mixed"])
        func measure(_ format: BaseWeights) throws -> (training: Measures, evaluation: Measures) {
            let (session, batch) = try Self.session(
                Self.settings(form), samples, isLoRA: true, on: CPUDevice(), teacher: Self.teacher(format))
            return (
                try session.addGradients(of: batch, batchWeight: batch.weight, seed: 1, step: 1, microBatch: 0), try session.evaluate(batch)
            )
        }
        let (exact, rounded) = (try measure(.stored), try measure(format))
        let (one, other) = (exact.training["distillation"].mean, rounded.training["distillation"].mean)
        #expect(one != other && abs(one - other) < (format == .q8 ? 0.01 : 0.1) * one, "\(one), \(format.rawValue) \(other)")
        #expect(exact.training["cross_entropy"] == rounded.training["cross_entropy"])
        #expect(abs(exact.evaluation.meanLoss - exact.training["cross_entropy"].mean) < 1e-6)
        #expect(exact.evaluation == rounded.evaluation && exact.evaluation["distillation"].weight == 0)
    }

    /// A student that says what its teacher says is nowhere from it, and what is learnt comes from
    /// the tokens alone.
    @Test func aModelIsNotFarFromItself() throws {
        let golden = try Golden()
        let samples = try golden.samples()
        let folder = ReferenceSet.own.chatModel
        let teacher = try TeacherModel(
            ModelConfiguration(folder: folder), Checkpoint(folder: folder), precision: .init(), maximumLength: 256)
        var settings = Manifest.Distillation()
        (settings.alpha, settings.temperature) = (1, 3)
        let (session, batch) = try Self.session(settings, samples, isLoRA: false, on: CPUDevice(), teacher: teacher)
        let measures = try session.addGradients(of: batch, batchWeight: batch.weight, seed: 1, step: 1, microBatch: 0)
        #expect(abs(measures.meanLoss) < 1e-6 && measures["cross_entropy"].mean > 1)
        #expect(try session.update(learningRate: 0, step: 1) < 1e-5)
    }

    /// The plan's figures are those of what is allocated, and smaller micro-batches need less.
    @Test func theTeachersMemoryIsInThePlan() throws {
        let device = try CPUDevice()
        let teacher = try Self.teacher()
        let folder = ReferenceSet.own.chatModel
        let model = try LanguageModel(
            ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)),
            training: .adapter(AdapterSettings(rank: 2, alpha: 4), seed: 1), maximumLength: 256)
        func plan(_ objective: any Objective, _ teacher: TeacherModel?, _ tokens: Int) throws -> JobPlan {
            var planner = MemoryPlanner(device: device, optimizer: AdamWOptimizer(), objective: objective, byteLimit: nil)
            planner.teacher = teacher
            return try planner.plan(model, .init(tokenCount: tokens, recomputedLayers: 0, baseWeights: .stored))
        }
        let guided = DistillationObjective().guided(by: teacher.head)
        let (alone, small, large) = (
            try plan(SupervisedObjective(), nil, 256), try plan(guided, teacher, 256), try plan(guided, teacher, 1024)
        )
        let head = teacher.head.weight.type.byteCount
        #expect(small.persistentBytes - alone.persistentBytes >= head && small.persistentBytes - alone.persistentBytes < head + 4096)
        #expect(alone.teacherBytes == 0 && small.teacherBytes > head && large.teacherBytes > small.teacherBytes)
        #expect(small.deviceBytes >= alone.deviceBytes + head + small.teacherBytes)
        #expect(small.floatingPointOperations > alone.floatingPointOperations && small.kernelCalls > alone.kernelCalls)
    }
}
