import Graph
import Manifest
import Models
import Preparation
import Spool
import Storage
import Tensors
import Training

/// Runs a few examples on a result as it was written, read back from the disk, and compares their
/// loss with that of the model that was trained.
///
/// What others load is then what was evaluated: the matrices and their scale, the merged weights,
/// the whole model.
struct ResultReplay {
    /// Examples that are run: the first of the validation data, or of the training data.
    static let exampleCount = 8
    let job: PreparedJob
    let run: TrainingRun

    /// What was run, for the event that says so.
    struct Outcome {
        var part: String
        /// Nil where it was not run.
        var loss: Double?
        /// Why it was not.
        var reason = ""

        var text: String {
            loss.map { "Result read back: result/\(part) has the loss \(JobRunner.rounded($0)), as the trained model" }
                ?? "result/\(part) was not run after it was written: \(reason)"
        }
    }

    /// Puts each part of a result into the session and evaluates it there.
    /// - Parameter expected: the loss before the result was written.
    /// - Returns: the parts that were run; the session then has the numbers of the last of them.
    /// - Throws: ``WorkerError/resultDiffers(part:found:expected:)``, and what reading the result
    ///   throws.
    func check(_ result: String, expected: Measures) throws -> [Outcome] {
        var outcomes: [Outcome] = []
        func compare(_ part: String, _ found: Measures?, rounding: Double) throws {
            guard let found else { return }
            let name = job.objective.replayed
            let (loss, wanted) = (found[name].mean, expected[name].mean)
            outcomes.append(Outcome(part: part, loss: loss))
            guard abs(loss - wanted) <= rounding * (1 + abs(wanted)), found[name].weight == expected[name].weight else {
                throw WorkerError.resultDiffers(part: part, found: loss, expected: wanted)
            }
        }
        if case .adapter = job.model.training {
            try loadAdapter(result + "/adapter")
            try compare("adapter", run.lossOfFirstExamples(Self.exampleCount), rounding: 1e-6)
            let merged = result + "/merged"
            if FolderListing.isFolder(merged) {
                if job.plan.baseWeights.quantizedFormat != nil {
                    outcomes.append(
                        Outcome(part: "merged", reason: "the adapter has learnt beside quantised weights, which it does not have"))
                } else {
                    let model = try self.model(merged)
                    let programs = Programs(model: model, optimizer: job.optimizer, objective: job.objective, choice: job.plan.choice)
                    let batches = try run.batchesOfFirstExamples(Self.exampleCount)
                    let needed = try Evaluator.byteCount(device: job.device, programs: programs, batches: batches)
                    if needed > job.spareBytes ?? .max {
                        outcomes.append(Outcome(part: "merged", reason: "that would take \(needed >> 20) MiB beside the job's memory"))
                    } else {
                        let found = try Evaluator(device: job.device, programs: programs, batches: batches).evaluate(batches)
                        let rounding = Self.rounding(of: narrowest(model), computedIn: model.precision.activationType)
                        try compare("merged", found, rounding: rounding)
                    }
                }
            }
        } else {
            let type = try loadModel(result + "/model")
            try compare("model", run.lossOfFirstExamples(Self.exampleCount), rounding: Self.rounding(of: type))
        }
        return outcomes
    }

    /// How far a loss may move, relative to one more than itself, where weights are rounded to a
    /// type.
    static func rounding(of type: ElementType) -> Double { type == .float32 ? 1e-4 : 2e-2 }

    /// The same of a model whose adapter has been merged: its sums are rounded to the type of the
    /// activations, as the base's weights and the adapter's were apart.
    static func rounding(of stored: ElementType, computedIn activations: ElementType) -> Double {
        max(rounding(of: stored), rounding(of: activations))
    }

    /// The adapter as its folder says it, by the same reading by which any other tool's is taken.
    private func loadAdapter(_ folder: String) throws {
        let model = job.model
        let adapter = try AdapterFolder(folder)
        var settings = try adapter.settings(on: model.linearModules)
        settings.initialFolder = nil
        guard case .adapter(let own, _) = model.training,
            try settings.modules(on: model.linearModules) == own.plain.modules(on: model.linearModules),
            settings.beyondMatrices(model.adapters) == own.beyondMatrices(model.adapters)
        else {
            throw ModelError(file: folder + "/adapter_config.json", "does not describe the adapter that was trained: it is damaged")
        }
        let plain =
            try own.initialisation.changesBase
            ? LanguageModel(
                model.configuration, source: model.source, training: .adapter(settings, seed: 0), maximumLength: 1, head: model.head)
            : model
        let half = PlainAdapterHalf(model, run.session.persistent)
        for (key, numbers) in try adapter.numbers(for: plain) {
            let trained = try half.trained(key, numbers)
            let parameter = model.trainables.parameters.first { $0.key == key }
            try model.write(parameter?.held(trained) ?? trained, key, run.session.persistent)
        }
        guard let head = model.head else { return }
        guard adapter.headOutputs == head.outputs, let numbers = adapter.headNumbers() else {
            throw ModelError(file: folder + "/adapter_model.safetensors", field: head.weightName, "is missing or has another shape")
        }
        try model.write(numbers, head.key(model.training), run.session.persistent)
    }

    /// A model's folder as anybody would load it, for evaluation alone.
    private func model(_ folder: String) throws -> LanguageModel {
        let opened = try OpenedModel(path: folder)
        guard let weights = opened.weights else { throw ModelError(file: folder, "holds no weights") }
        return try LanguageModel(
            opened.configuration, source: .checkpoint(weights), training: .nothing, precision: job.model.precision,
            maximumLength: job.model.rotaryRows.positionCount, head: job.model.head)
    }

    private func narrowest(_ model: LanguageModel) -> ElementType {
        guard case .checkpoint(let weights) = model.source else { return .float32 }
        return weights.tensors.values.map(\.elementType).filter(\.isFloatingPoint).min { $0.byteCount < $1.byteCount } ?? .float32
    }

    /// A whole model's weights; gives the narrowest type that any of them is stored in.
    private func loadModel(_ folder: String) throws -> ElementType {
        guard let weights = try OpenedModel(path: folder).weights else { throw ModelError(file: folder, "holds no weights") }
        var narrowest = ElementType.float32
        for parameter in job.model.trainables.parameters {
            guard let stored = weights.tensors[parameter.key] else {
                throw ModelError(file: folder, field: parameter.key, "is not in the result")
            }
            if stored.elementType.byteCount < narrowest.byteCount { narrowest = stored.elementType }
            try job.model.write(stored, parameter.key, run.session.persistent)
        }
        return narrowest
    }
}
