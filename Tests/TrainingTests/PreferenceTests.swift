import CPUBackend
import Datasets
import Graph
import JSON
import Manifest
import Models
import Tensors
import TestSupport
import Testing
import Tokenization
import Training
import VulkanBackend

/// The forms of the loss on one batch, against what torch computed for it.
@Suite(.serialized) struct PreferenceTests {
    private struct Golden {
        let tensors: [String: StoredTensor]
        let figures: JSONNode

        init(_ set: ReferenceSet) throws {
            let file = try SafetensorsFile(path: set.path("preference/losses/golden.safetensors"))
            tensors = Dictionary(file.tensors.map { ($0.name, $0) }) { first, _ in first }
            figures = try set.json("preference/losses/golden.json")
        }

        func integers(_ name: String) throws -> [Int] {
            let tensor = try #require(tensors[name], "\(name)")
            let start = try #require(tensor.bytes.baseAddress)
            return (0..<tensor.elementCount).map { Int(start.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
        }

        /// The rows of a batch without what fills them up.
        func runs(_ prefix: String, _ middle: String = "") throws -> [TokenizedExample] {
            let (ids, mask, labels) = try (
                integers("\(prefix)\(middle)input_ids"), integers("\(prefix)\(middle)attention_mask"),
                integers("\(prefix)\(middle)labels")
            )
            let width = try #require(tensors["\(prefix)\(middle)input_ids"]?.shape.last)
            return stride(from: 0, to: ids.count, by: width).map { start in
                let places = (start..<start + width).filter { mask[$0] == 1 }
                return TokenizedExample(ids: places.map { Int32(ids[$0]) }, isTrained: places.map { labels[$0] >= 0 })
            }
        }

        func logps(_ name: String) throws -> [Double] { try #require(figures["float32"]?[name]?.array).compactMap(\.double) }
        func setting(_ name: String) throws -> Double { try #require(figures["settings"]?[name]?.double) }

        func objective(_ form: String) throws -> PreferenceObjective {
            var settings = Manifest.Preference()
            settings.beta = .value(try setting("beta"))
            switch form {
            case "dpo_label_smoothing": settings.labelSmoothing = try setting("eps")
            case "dpo_plus_sft": settings.sftWeight = try setting("sft_weight")
            case "ipo", "ipo_sum":
                settings.loss = form == "ipo" ? .ipo : .ipoSum
                settings.beta = .value(try setting("ipo_beta"))
            case "simpo":
                (settings.loss, settings.gamma) = (.simpo, try setting("simpo_gamma"))
                settings.beta = .value(try setting("simpo_beta"))
            case "orpo", "orpo_full_nll":
                settings.loss = form == "orpo" ? .orpo : .orpoFullLikelihood
                settings.beta = .value(try setting("orpo_lambda"))
            case "kto", "kto_zero":
                settings.loss = .kto
                settings.beta = .value(try setting("kto_beta"))
                (settings.desirableWeight, settings.undesirableWeight) = (try setting("lam_d"), try setting("lam_u"))
            default: break
            }
            return PreferenceObjective(settings)
        }
    }

    private static func session(
        _ set: ReferenceSet, _ objective: PreferenceObjective, _ samples: [Sample], _ training: LanguageModel.Training,
        on device: any ComputeDevice
    ) throws -> (TrainingSession, ProgramSize) {
        let folder = set.chatModel
        let model = try LanguageModel(
            ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)), training: training, maximumLength: 256,
            pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        let size = ProgramSize(
            roundingUp: samples.reduce(0) { $0 + $1.size.tokenCount }, samples.reduce(0) { $0 + objective.lossRowCount(of: $1.size) })
        let session = try TrainingSession(
            device: device, programs: Programs(model: model, optimizer: AdamWOptimizer(), objective: objective), largest: size)
        return (session, size)
    }

    private static func expectNear(_ found: [Double], _ wanted: [Double], _ bound: Double, _ what: String) {
        #expect(found.count == wanted.count)
        for (one, other) in zip(found, wanted) { #expect(abs(one - other) <= bound, "\(what): \(one), reference \(other)") }
    }

    private static func compare(_ form: String, of set: ReferenceSet, on device: any ComputeDevice) throws {
        let golden = try Golden(set)
        let objective = try golden.objective(form)
        var (samples, probes): ([Sample], [TokenizedExample]) = ([], [])
        if objective.purpose == .pairs {
            let runs = try golden.runs("")
            samples = (0..<runs.count / 2).map { Sample([runs[$0], runs[runs.count / 2 + $0]]) }
        } else {
            samples = zip(try golden.runs("kto."), try golden.integers("kto.desirable")).map { Sample([$0], labels: [$1]) }
            probes = try golden.runs(form + ".", "kl_")
        }
        let settings = AdapterSettings(rank: 2, alpha: 4, targets: .allLinear)
        let (session, size) = try session(set, objective, samples, .adapter(settings, seed: 1), on: device)
        let model = session.programs.model
        // A fresh adapter adds nothing: this is what the base model says.
        let runs = samples.flatMap(\.runs)
        if objective.referenceCount > 0 {
            let references = try runs.map { try session.logLikelihoods(of: [$0])[0] }
            let probed = try probes.map { try session.logLikelihoods(of: [$0])[0] }
            var next = 0
            for index in samples.indices {
                let count = samples[index].runs.count
                samples[index].references = Array(references[next..<next + count]) + (probed.isEmpty ? [] : [probed[index]])
                next += count
            }
            if probes.isEmpty {
                expectNear(samples.map { $0.references?[0] ?? 0 }, try golden.logps("reference_logps_chosen"), 1e-3, form)
                expectNear(samples.map { $0.references?[1] ?? 0 }, try golden.logps("reference_logps_rejected"), 1e-3, form)
            } else {
                expectNear(references, try golden.logps("kto_reference_logps"), 1e-3, form)
                expectNear(probed, try golden.logps("\(form)_kl_reference_logps"), 1e-3, form)
            }
        }
        for parameter in model.trainables.parameters {
            let name = String(parameter.key.dropFirst("base_model.model.".count).dropLast(".weight".count))
            try model.write(try #require(golden.tensors["lora.init." + name], "\(name)").floats(), parameter.key, session.persistent)
        }
        var batch = PackedBatch(
            samples, for: objective, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount, window: nil,
            rotary: model.rotaryRows)
        batch.batchNumbers = objective.batchNumbers(of: samples, probes: try probes.map { try session.logLikelihoods(of: [$0])[0] })
        if form.hasPrefix("kto") {
            let baseline = try #require(golden.figures["float32"]?["\(form)_z0"]?.double)
            #expect(abs(Double(batch.batchNumbers[1]) - baseline) < 1e-3)
        }
        let evaluation = try session.evaluate(batch)
        let measures = try session.addGradients(of: batch, batchWeight: batch.weight, seed: 1, step: 1, microBatch: 0)
        let wanted = try #require(golden.figures["losses"]?[form])
        let loss = try #require(wanted["loss"]?.double)
        #expect(abs(measures.meanLoss - loss) <= 1e-4 * abs(loss), "\(form): loss \(measures.meanLoss), reference \(loss)")
        #expect(abs(evaluation.meanLoss - measures.meanLoss) <= 1e-5 * abs(loss))
        if objective.purpose == .pairs {
            let chosen = try golden.logps("policy_logps_chosen")
            #expect(abs(measures["logps_chosen"].mean - chosen.reduce(0, +) / Double(chosen.count)) < 1e-3)
        }
        for parameter in model.trainables.parameters {
            let name = String(parameter.key.dropFirst("base_model.model.".count).dropLast(".weight".count))
            let expected = try #require(golden.tensors["\(form).grad." + name], "\(form) \(name)").floats()
            let gradient = try #require(model.trainables.tensor(of: parameter.key, .gradient))
            let found = try model.read(gradient.key, session.persistent)
            let largest = expected.map { abs($0) }.max() ?? 0
            let error = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
            #expect(found.count == expected.count && error <= 1e-3 * largest, "\(form) \(name): off by \(error) of \(largest)")
        }
        let norm = try session.update(learningRate: 0, step: 1)
        let reference = try #require(wanted["grad_norm"]?.double)
        #expect(abs(norm - reference) <= 1e-3 * reference, "\(form): norm \(norm), reference \(reference)")
    }

    private static let forms = [
        "dpo_sigmoid", "dpo_label_smoothing", "dpo_plus_sft", "ipo", "ipo_sum", "simpo", "orpo", "orpo_full_nll", "kto", "kto_zero",
    ]
    private static let isVulkanThere = (try? VulkanDevice()) != nil
    static let sets = ReferenceSet.available.filter { $0.has("preference/losses/golden.json") }

    @Test(.enabled(if: !sets.isEmpty, "../shared/golden is not there"), arguments: forms, sets)
    func aBatchOnTheProcessorIsTheReferences(form: String, set: ReferenceSet) throws {
        try Self.compare(form, of: set, on: CPUDevice())
    }

    @Test(.enabled(if: isVulkanThere && !sets.isEmpty, "there is no Vulkan device, or no ../shared/golden"), arguments: forms, sets)
    func aBatchOnVulkanIsTheReferences(form: String, set: ReferenceSet) throws {
        try Self.compare(form, of: set, on: VulkanDevice())
    }

    /// With the head trained too its products run twice.
    @Test(.enabled(if: !sets.isEmpty, "../shared/golden is not there"), arguments: sets)
    func theGradientsOfAllWeightsAreTheReferences(set: ReferenceSet) throws {
        let golden = try Golden(set)
        let objective = try golden.objective("dpo_sigmoid")
        let runs = try golden.runs("")
        var samples = (0..<runs.count / 2).map { Sample([runs[$0], runs[runs.count / 2 + $0]]) }
        for device in [try CPUDevice()] as [any ComputeDevice] + (Self.isVulkanThere ? [try VulkanDevice()] : []) {
            let (session, size) = try Self.session(set, objective, samples, .full, on: device)
            let model = session.programs.model
            for index in samples.indices { samples[index].references = try session.logLikelihoods(of: samples[index].runs) }
            var batch = PackedBatch(
                samples, for: objective, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount, window: nil,
                rotary: model.rotaryRows)
            batch.batchNumbers = objective.batchNumbers(of: samples, probes: [])
            let measures = try session.addGradients(of: batch, batchWeight: batch.weight, seed: 1, step: 1, microBatch: 0)
            #expect(abs(measures.meanLoss - 0.693_147_18) < 1e-5 && measures["rewards_accuracies"].mean == 0)
            let norms = try #require(golden.figures["dpo_sigmoid_full"]?["grad_norm_of_each_parameter"]?.object)
            for member in norms where member.key != "lm_head.weight" {
                let gradient = try #require(model.trainables.tensor(of: member.key, .gradient), "\(member.key)")
                let found = try model.read(gradient.key, session.persistent).reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
                let wanted = member.node.double ?? 0
                #expect(abs(found - wanted) <= 1e-3 * wanted, "\(device.name), \(member.key): \(found), reference \(wanted)")
            }
        }
    }

    // MARK: In a clone

    private static let pair = Sample([
        TokenizedExample(ids: [1, 5, 6, 7, 8], isTrained: [false, false, false, true, true]),
        TokenizedExample(ids: [1, 5, 6, 9], isTrained: [false, false, false, true]),
    ])

    @Test func aPairListsTheTokensOfBothAnswers() {
        var settings = Manifest.Preference()
        settings.sftWeight = 0.5
        let objective = PreferenceObjective(settings)
        var sample = Self.pair
        sample.references = [-3, -4]
        let batch = PackedBatch(
            [sample, sample], for: objective, tokenCapacity: 32, trainedCapacity: 8, window: nil, rotary: RotaryRows(positionCount: 64))
        #expect(batch.trainedRows == [2, 3, 7, 11, 12, 16, -1, -1])
        let inputs = Dictionary(uniqueKeysWithValues: batch.rowInputs.map { ($0.name, $0.numbers) })
        #expect(inputs["targets"] == [7, 8, 9, 7, 8, 9, -1, -1])
        #expect(inputs["segments"] == [0, 0, 1, 2, 2, 3, -1, -1])
        #expect(inputs["segmentBegins"]?.prefix(5) == [0, 2, 3, 5, -1])
        #expect(inputs["segmentEnds"]?.prefix(5) == [2, 3, 5, 6, -1])
        #expect(inputs["otherSegments"]?.prefix(5) == [1, 0, 3, 2, -1])
        #expect(batch.rowWeights.first?.numbers.prefix(8) == [-3, 1, 0.5, 1, -4, -1, 0, 1])
        #expect(batch.weight == 2 && objective.lossRowCount(of: sample.size) == 3)
        // Two pairs over the four tokens of preferred answers.
        #expect(objective.batchNumbers(of: [sample, sample], probes: []) == [0.5, 0])
    }

    @Test func theLikelihoodOfPromptsCountsWhereItIsAskedFor() {
        var settings = Manifest.Preference()
        settings.loss = .orpoFullLikelihood
        let objective = PreferenceObjective(settings)
        let batch = PackedBatch(
            [Self.pair], for: objective, tokenCapacity: 32, trainedCapacity: 9, window: nil, rotary: RotaryRows(positionCount: 64))
        // Behind the answers stand the preferred prompt's tokens, all but the first.
        #expect(batch.trainedRows == [2, 3, 7, 0, 1, -1, -1, -1, -1])
        #expect(objective.batchNumbers(of: [Self.pair], probes: []) == [0.25, 0])
        #expect(batch.lossRowCount <= objective.lossRowCount(of: Self.pair.size) && objective.referenceCount == 0)
    }

    @Test func anAnswerIsProbedWithAnotherPromptsAnswer() throws {
        var settings = Manifest.Preference()
        settings.loss = .kto
        let objective = PreferenceObjective(settings)
        let (good, bad) = (Sample([Self.pair.runs[0]], labels: [1]), Sample([Self.pair.runs[1]], labels: [0]))
        let probe = try #require(objective.probe(of: bad, neighbour: good))
        #expect(probe.ids == [1, 5, 6, 7, 8] && probe.isTrained == [false, false, false, true, true])
        var (first, second) = (good, bad)
        (first.references, second.references) = ([-5, -4], [-6, -3])
        #expect(objective.batchNumbers(of: [first, second], probes: [-1, -2]) == [0, 2])
        #expect(objective.batchNumbers(of: [first, second], probes: [-9, -9]) == [0, 0])
        let batch = PackedBatch(
            [first, second], for: objective, tokenCapacity: 16, trainedCapacity: 4, window: nil, rotary: RotaryRows(positionCount: 64))
        #expect(batch.rowWeights.first?.numbers.prefix(8) == [-5, 1, 0, 1, -6, -1, 0, 1])
    }

    /// The preferred of two words becomes the likelier one, whatever the form of the loss.
    @Test(arguments: Manifest.Preference.Loss.allCases) func aModelLearnsWhatIsPreferred(loss: Manifest.Preference.Loss) throws {
        let encoder = try ChatEncoder(folder: TinyRun.demo.model)
        var settings = Manifest.Preference()
        settings.loss = loss
        let objective = PreferenceObjective(settings)
        func run(_ answer: String) -> TokenizedExample {
            encoder.encode(prompt: "The hen is", completion: answer, trainOn: .completion)
        }
        let (better, worse) = (run(" brown."), run(" red."))
        var samples =
            loss == .kto ? [Sample([better], labels: [1]), Sample([worse], labels: [0])] : [Sample([better, worse])]
        let model = try LanguageModel(
            ModelConfiguration(folder: TinyRun.demo.model), source: .checkpoint(Checkpoint(folder: TinyRun.demo.model)),
            training: .adapter(AdapterSettings(rank: 4, alpha: 8), seed: 1), maximumLength: 64)
        let session = try TrainingSession(
            device: CPUDevice(), programs: Programs(model: model, optimizer: AdamWOptimizer(), objective: objective),
            largest: ProgramSize(roundingUp: 64, 64))
        for index in samples.indices where objective.referenceCount > 0 {
            samples[index].references = try session.logLikelihoods(of: samples[index].runs) + (loss == .kto ? [0] : [])
        }
        func margin() throws -> Double {
            let both = try session.logLikelihoods(of: [better, worse])
            return both[0] - both[1]
        }
        var batch = PackedBatch(
            samples, for: objective, tokenCapacity: 64, trainedCapacity: 64, window: nil, rotary: model.rotaryRows)
        batch.batchNumbers = objective.batchNumbers(of: samples, probes: [])
        let before = (margin: try margin(), loss: try session.evaluate(batch).meanLoss)
        for step in 1...20 {
            _ = try session.addGradients(of: batch, batchWeight: batch.weight, seed: 1, step: step, microBatch: 0)
            _ = try session.update(learningRate: 2e-3, step: step)
        }
        let after = try session.evaluate(batch)
        #expect(try margin() > before.margin + 1, "\(loss): the margin was \(before.margin)")
        #expect(after.meanLoss < before.loss)
        if loss != .kto { #expect(after["rewards_accuracies"].mean == 1) }
        let figures = objective.figures(after)
        #expect(figures.count == objective.columns.count && figures[0] != nil && figures[2] != nil)
        #expect(objective.report(after)["rewards_margins"]?.double == figures[2])
    }
}
