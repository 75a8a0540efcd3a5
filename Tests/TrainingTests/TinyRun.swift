import Datasets
import Foundation
import Graph
import Models
import Ranks
import Tensors
import Tokenization
import Training

/// A run on a model folder and a file of conversations, without a job around it.
struct TinyRun {
    let model: LanguageModel
    let run: TrainingRun

    /// The model and the conversations that come with the project.
    static let demo: (model: String, data: String) = {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let folder = tests.deletingLastPathComponent().path + "/demo"
        return (folder + "/model", folder + "/tune.jsonl")
    }()

    init(
        model folder: String, data path: String, adapter: AdapterSettings, adapterRateRatio: Double = 1, optimizer: any Optimizer,
        device: any ComputeDevice, settings: RunSettings, stepsDone: Int = 0
    ) throws {
        try self.init(
            model: folder, data: path, training: .adapter(adapter, seed: 1), adapterRateRatio: adapterRateRatio, optimizer: optimizer,
            device: device, settings: settings, stepsDone: stepsDone)
    }

    init(
        model folder: String, data path: String, training: LanguageModel.Training, adapterRateRatio: Double = 1, optimizer: any Optimizer,
        device: any ComputeDevice, settings: RunSettings, stepsDone: Int = 0, group: any RankGroup = SingleRank()
    ) throws {
        let reader = DatasetReader(
            encoder: try ChatEncoder(folder: folder), options: DatasetOptions(maximumLength: settings.microBatchTokens), modelFolder: folder
        )
        guard let data = try reader.read(path).dataset else { throw TrainingError.exampleTooLong(index: 0, tokenCount: 0, limit: 0) }
        model = try LanguageModel(
            ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)), training: training,
            maximumLength: settings.microBatchTokens, decaysAll: true, adapterRateRatio: adapterRateRatio,
            pageByteLimit: optimizer.pageByteLimit(min(64 << 20, device.limits.maximumTensorBytes)), laneCount: settings.lanes.count)
        var planner = MemoryPlanner(device: device, optimizer: optimizer, byteLimit: nil)
        (planner.lanes, planner.rank, planner.processes) = (settings.lanes, group.rank, group.count)
        let plan = try planner.plan(
            model, .init(tokenCount: settings.microBatchTokens, recomputedLayers: 0, baseWeights: model.precision.baseWeights))
        run = TrainingRun(
            session: try planner.makeSession(model, plan), training: data, validation: nil, settings: settings, stepsDone: stepsDone,
            group: group)
    }

    /// The trained tensors, by name.
    var trained: [String: [Float]] {
        get throws {
            var found: [String: [Float]] = [:]
            for parameter in model.trainables.parameters { found[parameter.key] = try model.read(parameter.key, run.session.persistent) }
            return found
        }
    }
}
