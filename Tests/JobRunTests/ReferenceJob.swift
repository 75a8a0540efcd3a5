import Foundation
import JSON
import Jobs
import Spool
import Storage
import TestSupport
import Testing
import Worker

/// A job folder as the daemon makes it, on the model and the data of the trajectories.
struct ReferenceJob {
    let folder: JobFolder

    /// - Parameters:
    ///   - model: the folder to train from; nil: where the trajectories begin.
    ///   - data: the file to train on; nil: that of the trajectories.
    ///   - validationData: the file to validate with; nil: `data`, or that of the trajectories.
    ///   - initialAdapter: a PEFT folder; nil: where they begin, unless the changes name an adapter
    ///     without one.
    ///   - teacher: the folder of the model that it learns from.
    init(
        _ set: ReferenceSet = .own, lora: Bool, device: String = "cpu", model: String? = nil, data: String? = nil,
        validationData: String? = nil,
        initialAdapter: String? = nil, teacher: String? = nil,
        changes: [String: JSONNode] = [:], steps: Int? = nil
    ) throws {
        let root = NSTemporaryDirectory() + "tala-job-\(UUID().uuidString)"
        folder = JobFolder(path: root + "/ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa")
        try FileManager.default.createDirectory(atPath: folder.controls, withIntermediateDirectories: true)
        var hyperparameters: [JSONMember] = [JSONMember("batch_size", 8), JSONMember("learning_rate", lora ? 1e-3 : 5e-4)]
        if let steps {
            hyperparameters.append(JSONMember("max_steps", JSONNode(steps)))
        } else {
            hyperparameters.append(JSONMember("n_epochs", lora ? 2 : 1))
        }
        var members: [JSONMember] = [
            JSONMember("model", "small"), JSONMember("training_file", "train.jsonl"),
            JSONMember("validation_file", "validation.jsonl"), JSONMember("seed", 1),
            JSONMember("method", ["type": "supervised", "supervised": ["hyperparameters": JSONNode(hyperparameters)]]),
            JSONMember("adapter", lora ? ["type": "lora", "rank": 8, "alpha": 16, "init_from": "initial_adapter"] : ["type": "full"]),
            JSONMember("optimizer", ["weight_decay": 0.01, "weight_decay_on": "all"]),
            JSONMember("schedule", lora ? ["type": "cosine", "warmup_steps": 10] : ["type": "linear", "warmup_steps": 5]),
            JSONMember("shuffle", false),
            JSONMember("max_length", 512), JSONMember("precision", "float32"), JSONMember("device", JSONNode(device)),
        ]
        for (key, node) in changes {
            members.removeAll { $0.key == key }
            members.append(JSONMember(key, node))
        }
        try DurableFiles.replace(folder.manifestFile, with: JSONWriter().string(JSONNode(members)))
        var acceptance = JobAcceptance(
            createdAt: 1, owner: 0, modelPath: model ?? set.trajectoryModel, trainingPath: data ?? set.chatModel + "/train.jsonl",
            validationPath: validationData ?? data ?? set.chatModel + "/validation.jsonl",
            initialAdapterPath: initialAdapter
                ?? (lora && (changes["adapter"].map { $0["init_from"] != nil } ?? true)
                    ? set.path("trajectory/lora-r8/initial_adapter") : nil))
        acceptance.comparisonPath = teacher
        try DurableFiles.replace(folder.acceptanceFile, with: JSONWriter().string(acceptance.json))
    }

    /// Runs until the job ends or `stop` says so between two steps.
    @discardableResult
    func run(stop: @escaping () -> Bool = { false }) throws -> WorkerExit {
        try JobRunner(folder: folder, deviceSelector: nil, mustStop: stop).run()
    }

    /// Steps with their figures, by column name.
    var metrics: [[String: Double]] {
        let lines = ((try? String(decoding: DurableFiles.read(folder.metricsFile), as: UTF8.self)) ?? "").split(separator: "\n")
        let names = lines.first?.split(separator: ",").map(String.init) ?? []
        return lines.dropFirst().map { line in
            Dictionary(
                zip(names, line.split(separator: ",", omittingEmptySubsequences: false)).compactMap { name, text in
                    Double(text).map { (name, $0) }
                }
            ) { first, _ in first }
        }
    }

    func resultBytes(_ file: String) throws -> [UInt8] { try DurableFiles.read(folder.result + "/" + file) }

    func remove() { FolderListing.delete(DurableFiles.split(folder.path).folder) }

    /// What the job says of its failure.
    var message: String { folder.status()?.error?.message ?? "" }

    /// Runs a job to its end, and the same once more with a stop after three steps, which must make
    /// the same files.
    /// - Parameter files: of the result.
    /// - Returns: the first, whose folder the caller removes.
    static func thatMayStop(_ files: [String], _ job: () throws -> ReferenceJob) throws -> ReferenceJob {
        let (whole, cut) = (try job(), try job())
        defer { cut.remove() }
        do {
            #expect(try whole.run() == .succeeded, "\(whole.message)")
            #expect(try cut.run(stop: { (cut.metrics.last?["step"] ?? 0) >= 3 }) == .stopped)
            #expect(try cut.run() == .succeeded, "\(cut.message)")
            for file in files { #expect(try whole.resultBytes(file) == cut.resultBytes(file), "\(file)") }
        } catch {
            whole.remove()
            throw error
        }
        return whole
    }
}
