import Graph
import JSON
package import Jobs
package import Models
package import Ranks
import Storage
import Tensors

/// A run's state on disk: trained tensors, the optimizer's state, the number of steps done.
/// Everything else follows from these and the manifest.
package struct CheckpointState: Sendable, Hashable {
    package var step: Int
    /// Trained tokens of all steps so far.
    package var trainedTokens: Int
    package var fingerprint: InputFingerprint
    /// The metrics of the step just done where its evaluation is still to be made up for.
    package var pendingEvaluation: MetricsRow?

    package init(step: Int, trainedTokens: Int, fingerprint: InputFingerprint) {
        self.step = step
        self.trainedTokens = trainedTokens
        self.fingerprint = fingerprint
    }
}

/// Writes and reads checkpoints. A checkpoint's trained tensors are in a file that PEFT or
/// transformers would read.
package enum Checkpointing {
    static let version = 2

    /// The file of trained tensors: an adapter's, or a whole model's.
    static func tensorFile(_ model: LanguageModel) -> String {
        if case .adapter = model.training { "adapter_model.safetensors" } else { "model.safetensors" }
    }

    /// Builds a checkpoint folder, whole or not at all.
    /// - Parameters:
    ///   - group: the processes that train together, which give their parts of the state; nothing
    ///     else may be going on among them.
    ///   - extra: writes more files into the folder (an adapter's configuration, figures).
    package static func write(
        _ state: CheckpointState, of session: TrainingSession, to path: String, by group: any RankGroup = SingleRank(),
        extra: (String) throws -> Void = { _ in }
    ) throws {
        let exchange = StateExchange(session, group)
        let model = session.programs.model
        try WholeFolder.build(path, byteCount: byteCount(model, session.programs.optimizer)) { folder in
            try writeTensors(model, session, kind: .parameter, nil, to: folder + "/" + tensorFile(model))
            let states = session.programs.optimizer.states
            for (place, kind) in session.programs.optimizer.stateKinds.enumerated() {
                try writeTensors(model, session, kind: kind, (exchange, place), to: folder + "/" + stateFile(states[place]))
            }
            let node: JSONNode = [
                "version": JSONNode(version), "step": JSONNode(state.step), "trained_tokens": JSONNode(state.trainedTokens),
                "inputs": state.fingerprint.json, "open_row": state.pendingEvaluation.map { JSONNode($0.line) } ?? nil,
                "resume_files": JSONNode((["state.json"] + states.map(stateFile)).map { JSONNode($0) }),
            ]
            let bytes = JSONWriter(isIndented: true).bytes(node)
            try bytes.withUnsafeBufferPointer { try DurableFiles.write(UnsafeRawBufferPointer($0), toNew: folder + "/state.json") }
            try extra(folder)
        }
    }

    /// Verifies a checkpoint and puts it into a session's memory; of the state that other processes
    /// keep into theirs.
    /// - Throws: ``TrainingError/unusableCheckpoint(path:reason:)`` if it is damaged,
    ///   ``TrainingError/otherVersion(path:version:)`` or
    ///   ``TrainingError/inputsChanged(path:what:)`` if it is whole but not for this run,
    ///   ``StorageError``.
    package static func restore(
        _ session: TrainingSession, from path: String, fingerprint: InputFingerprint, by group: any RankGroup = SingleRank()
    ) throws -> CheckpointState {
        if let fault = try WholeFolder.verify(path) { throw TrainingError.unusableCheckpoint(path: path, reason: fault) }
        let node = try JSONParser().parse(DurableFiles.read(path + "/state.json", limit: 1 << 20))
        guard node["version"]?.integer == version else {
            throw TrainingError.otherVersion(path: path, version: node["version"]?.integer ?? 0)
        }
        guard let step = node["step"]?.integer, let tokens = node["trained_tokens"]?.integer,
            let inputs = InputFingerprint(json: node["inputs"])
        else { throw TrainingError.unusableCheckpoint(path: path, reason: "state.json lacks a field") }
        let differences = inputs.differences(from: fingerprint)
        guard differences.isEmpty else { throw TrainingError.inputsChanged(path: path, what: differences) }
        let model = session.programs.model
        try readTensors(model, session, kind: .parameter, nil, from: path + "/" + tensorFile(model))
        let exchange = StateExchange(session, group)
        for (place, kind) in session.programs.optimizer.stateKinds.enumerated() {
            let file = path + "/" + stateFile(session.programs.optimizer.states[place])
            try readTensors(model, session, kind: kind, (exchange, place), from: file)
        }
        var state = CheckpointState(step: step, trainedTokens: tokens, fingerprint: fingerprint)
        state.pendingEvaluation = node["open_row"]?.string.flatMap { MetricsRow(line: $0) }
        return state
    }

    /// The file of one state of the optimizer. Such files, and `state.json`, which lists them, are
    /// of use to a resumed run alone.
    private static func stateFile(_ name: String) -> String { name + ".safetensors" }

    /// About the size of a checkpoint: parameters and the optimizer's state in float32, and small
    /// files.
    package static func byteCount(_ model: LanguageModel, _ optimizer: any Optimizer) -> Int {
        model.trainables.byteCount([.parameter] + optimizer.stateKinds) + (1 << 18)
    }

    /// The shape in which a tensor of a parameter is stored.
    private static func shape(_ tensor: PersistentTensor, of parameter: TrainableLayout.Parameter) -> [Int] {
        let type = tensor.type
        if parameter.isTurned, tensor.kind == .parameter { return parameter.shape }
        return parameter.isVector && type.rows == 1 ? [type.columns] : [type.rows, type.columns]
    }

    /// A tensor that is kept, of which parameter, and the place of that.
    private struct Kept {
        var place: Int
        var parameter: TrainableLayout.Parameter
        var tensor: PersistentTensor
    }

    /// The tensors of a kind that are kept.
    private static func tensors(_ model: LanguageModel, _ kind: PersistentTensor.Kind) -> [Kept] {
        model.trainables.parameters.enumerated().compactMap { place, parameter in
            model.trainables.tensor(of: parameter.key, kind).map { Kept(place: place, parameter: parameter, tensor: $0) }
        }
    }

    /// The processes that keep a state, and its place among the optimizer's.
    private typealias Keepers = (exchange: StateExchange, state: Int)

    private static func writeTensors(
        _ model: LanguageModel, _ session: TrainingSession, kind: PersistentTensor.Kind, _ keepers: Keepers?, to path: String
    ) throws {
        let all = tensors(model, kind)
        var writer = try SafetensorsWriter(
            path: path,
            entries: all.map {
                .init(name: $0.parameter.key, shape: shape($0.tensor, of: $0.parameter), elementType: $0.tensor.type.elementType)
            })
        for kept in all {
            let (parameter, tensor) = (kept.parameter, kept.tensor)
            if let keepers, session.persistent.layout.placements[tensor.key] == nil {
                try keepers.exchange.fetch(.init(state: keepers.state, parameter: kept.place)) { try writer.append($0) }
                continue
            }
            if parameter.isTurned, kind == .parameter {
                try parameter.stored(model.read(tensor.key, session.persistent)).withUnsafeBytes { try writer.append($0) }
                continue
            }
            try model.readStored(tensor.key, session.persistent) { bytes, _ in try writer.append(bytes) }
        }
        try writer.finish()
    }

    private static func readTensors(
        _ model: LanguageModel, _ session: TrainingSession, kind: PersistentTensor.Kind, _ keepers: Keepers?, from path: String
    ) throws {
        let held = Dictionary(try SafetensorsFile(path: path).tensors.map { ($0.name, $0) }) { first, _ in first }
        for kept in tensors(model, kind) {
            let (parameter, tensor) = (kept.parameter, kept.tensor)
            guard let stored = held[parameter.key], stored.shape == shape(tensor, of: parameter),
                stored.elementType == tensor.type.elementType
            else {
                throw TrainingError.unusableCheckpoint(path: path, reason: "\(parameter.key) is missing or has another shape")
            }
            if let keepers, session.persistent.layout.placements[tensor.key] == nil {
                try keepers.exchange.give(.init(state: keepers.state, parameter: kept.place), stored.bytes)
            } else if parameter.isTurned, kind == .parameter {
                try model.write(parameter.held(stored.floats()), tensor.key, session.persistent)
            } else {
                try model.write(stored, tensor.key, session.persistent)
            }
        }
    }
}
