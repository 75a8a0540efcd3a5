import Foundation
import Jobs
import Spool
import Storage
import TestSupport

/// The programs as they were built beside the tests, in a spool with the reference model.
struct RealSpool {
    let layout: SpoolLayout
    static var areBuilt: Bool { FileManager.default.fileExists(atPath: BuiltProgram.folder + "/tala-worker") }

    /// What most tests drop: LoRA with dropout, three epochs, a checkpoint every five steps.
    static let manifest = """
        model: chat-model
        training_file: train.jsonl
        validation_file: validation.jsonl
        seed: 5
        method: {type: supervised, supervised: {hyperparameters: {n_epochs: 3, batch_size: 8, learning_rate: 1.0e-3}}}
        adapter: {type: lora, rank: 8, alpha: 16, dropout: 0.05}
        max_length: 512
        precision: float32
        checkpoint: {every_steps: 5, keep: 2}
        device: cpu
        """

    /// - Parameter manifest: what is dropped into it.
    init(manifest: String = RealSpool.manifest) throws {
        layout = SpoolLayout(root: NSTemporaryDirectory() + "tala-kill-\(UUID().uuidString)")
        for folder in [layout.root] + layout.folders {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        try FileManager.default.copyItem(atPath: ReferenceSet.own.chatModel, toPath: layout.models + "/chat-model")
        for name in ["train.jsonl", "validation.jsonl"] {
            try FileManager.default.copyItem(atPath: ReferenceSet.own.chatModel + "/" + name, toPath: layout.files + "/" + name)
        }
        try DurableFiles.replace(layout.incoming + "/job.yaml", with: manifest)
    }

    /// - Parameters:
    ///   - environment: what is set besides.
    ///   - group: the control group that the daemon begins in.
    ///   - errors: the file that gets what it says; nil: nowhere.
    func startDaemon(
        _ arguments: [String] = [], environment: [String: String] = [:], inGroup group: String? = nil, errors: String? = nil
    ) throws -> Process {
        let process = Process()
        let command = [BuiltProgram.folder + "/talad", "--spool", layout.root, "--drain"] + arguments
        process.executableURL = URL(fileURLWithPath: group == nil ? command[0] : "/bin/sh")
        process.arguments = group.map { ["-c", "echo $$ >\($0)/cgroup.procs; exec \"$0\" \"$@\""] + command } ?? Array(command.dropFirst())
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardError = FileHandle.nullDevice
        if let errors {
            try DurableFiles.replace(errors, with: "")
            process.standardError = FileHandle(forWritingAtPath: errors)
        }
        try process.run()
        return process
    }

    /// Drops one more manifest.
    func drop(_ name: String, _ manifest: String) throws { try DurableFiles.replace(layout.incoming + "/\(name).yaml", with: manifest) }

    /// All jobs, the oldest first.
    var jobs: [JobFolder] {
        ((try? FolderListing.names(in: layout.jobs)) ?? []).filter { JobIdentifier.isJob($0) }.map { layout.job($0) }
    }

    var job: JobFolder? { (try? FolderListing.names(in: layout.jobs))?.first { JobIdentifier.isJob($0) }.map { layout.job($0) } }

    /// Process ids of the workers on this spool.
    var workers: [pid_t] {
        let names = (try? FolderListing.names(in: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { process in
            guard let line = try? DurableFiles.read("/proc/\(process)/cmdline") else { return false }
            let text = String(decoding: line, as: UTF8.self)
            return text.contains("tala-worker") && text.contains(layout.root)
        }
    }

    var adapter: [UInt8]? { job.flatMap { try? DurableFiles.read($0.result + "/adapter/adapter_model.safetensors") } }

    var steps: [Int] {
        guard let job, let bytes = try? DurableFiles.read(job.metricsFile) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst().compactMap {
            $0.split(separator: ",").first.flatMap { Int($0) }
        }
    }

    func remove() { FolderListing.delete(layout.root) }
}
