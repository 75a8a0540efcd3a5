import Graph
import JSON
package import Jobs
package import Models
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
    /// - Parameter extra: writes more files into the folder (an adapter's configuration, figures).
    package static func write(
        _ state: CheckpointState, of session: TrainingSession, to path: String, extra: (String) throws -> Void = { _ in }
    ) throws {
        let model = session.programs.model
        try WholeFolder.build(path, byteCount: byteCount(model, session.programs.optimizer)) { folder in
            try writeTensors(model, session, kind: .parameter, to: folder + "/" + tensorFile(model))
            let states = session.programs.optimizer.states
            for (name, kind) in zip(states, session.programs.optimizer.stateKinds) {
                try writeTensors(model, session, kind: kind, to: folder + "/" + stateFile(name))
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

    /// Verifies a checkpoint and puts it into a session's memory.
    /// - Throws: ``TrainingError/unusableCheckpoint(path:reason:)`` if it is damaged,
    ///   ``TrainingError/otherVersion(path:version:)`` or
    ///   ``TrainingError/inputsChanged(path:what:)`` if it is whole but not for this run,
    ///   ``StorageError``.
    package static func restore(_ session: TrainingSession, from path: String, fingerprint: InputFingerprint) throws -> CheckpointState {
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
        try readTensors(model, session, kind: .parameter, from: path + "/" + tensorFile(model))
        for (name, kind) in zip(session.programs.optimizer.states, session.programs.optimizer.stateKinds) {
            try readTensors(model, session, kind: kind, from: path + "/" + stateFile(name))
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

    /// The tensors of a kind that are kept, with their parameters.
    private static func tensors(_ model: LanguageModel, _ kind: PersistentTensor.Kind) -> [(TrainableLayout.Parameter, PersistentTensor)] {
        model.trainables.parameters.compactMap { parameter in
            model.trainables.tensor(of: parameter.key, kind).map { (parameter, $0) }
        }
    }

    private static func writeTensors(_ model: LanguageModel, _ session: TrainingSession, kind: PersistentTensor.Kind, to path: String)
        throws
    {
        let kept = tensors(model, kind)
        var writer = try SafetensorsWriter(
            path: path,
            entries: kept.map { .init(name: $0.key, shape: shape($1, of: $0), elementType: $1.type.elementType) })
        for (parameter, tensor) in kept {
            if parameter.isTurned, kind == .parameter {
                try parameter.stored(model.read(tensor.key, session.persistent)).withUnsafeBytes { try writer.append($0) }
                continue
            }
            try model.readStored(tensor.key, session.persistent) { bytes, _ in try writer.append(bytes) }
        }
        try writer.finish()
    }

    private static func readTensors(_ model: LanguageModel, _ session: TrainingSession, kind: PersistentTensor.Kind, from path: String)
        throws
    {
        let held = Dictionary(try SafetensorsFile(path: path).tensors.map { ($0.name, $0) }) { first, _ in first }
        for (parameter, tensor) in tensors(model, kind) {
            guard let stored = held[parameter.key], stored.shape == shape(tensor, of: parameter),
                stored.elementType == tensor.type.elementType
            else {
                throw TrainingError.unusableCheckpoint(path: path, reason: "\(parameter.key) is missing or has another shape")
            }
            if parameter.isTurned, kind == .parameter {
                try model.write(parameter.held(stored.floats()), tensor.key, session.persistent)
            } else {
                try model.write(stored, tensor.key, session.persistent)
            }
        }
    }
}
