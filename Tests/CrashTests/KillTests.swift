import Foundation
import JSON
import Jobs
import Spool
import Storage
import TestSupport
import Testing

/// The programs as they were built beside the tests, in a spool with the reference model.
struct RealSpool {
    let layout: SpoolLayout
    static var areBuilt: Bool { FileManager.default.fileExists(atPath: BuiltProgram.folder + "/tala-worker") && SharedData.isThere }

    /// What most tests drop: LoRA with dropout, three epochs, a checkpoint every five steps.
    static let manifest = """
        model: stories260k
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
        try FileManager.default.copyItem(atPath: SharedData.path("stories260k"), toPath: layout.models + "/stories260k")
        for name in ["train.jsonl", "validation.jsonl"] {
            try FileManager.default.copyItem(atPath: SharedData.path("stories260k/" + name), toPath: layout.files + "/" + name)
        }
        try DurableFiles.replace(layout.incoming + "/job.yaml", with: manifest)
    }

    /// - Parameters:
    ///   - environment: what is set besides.
    ///   - group: the control group that the daemon begins in.
    func startDaemon(_ arguments: [String] = [], environment: [String: String] = [:], inGroup group: String? = nil) throws -> Process {
        let process = Process()
        let command = [BuiltProgram.folder + "/talad", "--spool", layout.root, "--drain"] + arguments
        process.executableURL = URL(fileURLWithPath: group == nil ? command[0] : "/bin/sh")
        process.arguments = group.map { ["-c", "echo $$ >\($0)/cgroup.procs; exec \"$0\" \"$@\""] + command } ?? Array(command.dropFirst())
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
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

@Suite(.serialized, .enabled(if: RealSpool.areBuilt)) struct KillTests {
    @Test func aJobKilledTenTimesEndsInTheBytesOfOneThatWasNot() throws {
        let whole = try RealSpool()
        defer { whole.remove() }
        let undisturbed = try whole.startDaemon()
        undisturbed.waitUntilExit()
        #expect(undisturbed.terminationStatus == 0)
        let killed = try RealSpool()
        defer { killed.remove() }
        var random = SystemRandomNumberGenerator()
        var kills = 0
        var log: [String] = []
        while kills < 10, killed.adapter == nil {
            let daemon = try killed.startDaemon()
            let delay = Double.random(in: 0.1...0.9, using: &random)
            Thread.sleep(forTimeInterval: delay)
            let target = kills % 3
            log.append("\(["worker", "daemon", "both"][target]) after \(delay) s")
            if target != 0 { kill(daemon.processIdentifier, SIGKILL) }
            if target != 1 { for worker in killed.workers { kill(worker, SIGKILL) } }
            kills += 1
            if target == 0 {
                Thread.sleep(forTimeInterval: 0.05)
                kill(daemon.processIdentifier, SIGKILL)
            }
            daemon.waitUntilExit()
        }
        let last = try killed.startDaemon()
        last.waitUntilExit()
        #expect(last.terminationStatus == 0, "\(log)")
        #expect(killed.job?.status()?.state == .succeeded)
        #expect(killed.adapter != nil && killed.adapter == whole.adapter, "\(log)")
        #expect(killed.steps == Array(1...78), "\(log)")
    }

    @Test func sigtermWritesACheckpointAndTheNextStartGoesOn() throws {
        let spool = try RealSpool()
        defer { spool.remove() }
        let daemon = try spool.startDaemon()
        while spool.steps.count < 8, daemon.isRunning { Thread.sleep(forTimeInterval: 0.05) }
        let began = Date()
        daemon.terminate()
        daemon.waitUntilExit()
        #expect(Date().timeIntervalSince(began) < 5 && spool.workers.isEmpty)
        let job = try #require(spool.job)
        #expect(job.status()?.state == .queued && !job.checkpointNames.isEmpty)
        let again = try spool.startDaemon()
        again.waitUntilExit()
        #expect(again.terminationStatus == 0 && spool.steps == Array(1...78))
        let events = try String(decoding: DurableFiles.read(job.eventsFile), as: UTF8.self)
        #expect(events.contains("Resumed from checkpoint"))
    }
}

/// What waits with a checkpoint behind it, through the real programs.
@Suite(.serialized, .enabled(if: RealSpool.areBuilt)) struct WaitingJobTests {
    @Test(arguments: ["paused", "queued"]) func aJobThatIsCancelledWhileItWaitsLeavesItsCheckpoint(state: String) throws {
        let spool = try RealSpool()
        defer { spool.remove() }
        let daemon = try spool.startDaemon()
        while spool.steps.count < 8, daemon.isRunning { usleep(5_000) }
        let job = try #require(spool.job)
        if state == "paused" { try DurableFiles.replace(spool.layout.control + "/\(job.id).pause", with: "") } else { daemon.terminate() }
        daemon.waitUntilExit()
        #expect(job.status()?.state.rawValue == state && !job.checkpointNames.isEmpty)
        try DurableFiles.replace(spool.layout.control + "/\(job.id).cancel", with: "")
        let second = try spool.startDaemon()
        second.waitUntilExit()
        let status = try #require(job.status())
        #expect(status.state == .cancelled && status.reason == "requested" && status.resultFiles == ["metrics.csv", "result"])
        #expect(WholeFolder.fault(in: job.result) == nil && FolderListing.exists(job.result + "/partial/adapter_model.safetensors"))
        #expect(status.finishedAt != nil && status.usage.total.deviceSeconds > 0)
    }
}
