import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import TestSupport
import Testing

/// A worker gives up what it does not need before it opens what users wrote, and still trains.
@Suite(.serialized, .enabled(if: RealSpool.areBuilt, "the programs are not built")) struct ConfinementTests {
    static let hasLandlock =
        (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)).map { release in
            let parts = release.split(separator: ".").compactMap { Int($0.prefix { $0.isNumber }) }
            return parts.count > 1 && (parts[0], parts[1]) >= (5, 13)
        } ?? false

    private func short(_ device: String) -> String {
        """
        model: chat-model
        training_file: train.jsonl
        seed: 5
        method: {type: supervised, supervised: {hyperparameters: {max_steps: 2, batch_size: 2, learning_rate: 1.0e-3}}}
        adapter: {type: lora, rank: 4, alpha: 8}
        max_length: 512
        precision: float32
        checkpoint: {every_steps: 1, keep: 2}
        device: \(device)
        """
    }

    private func train(on device: String) throws -> RealSpool {
        let spool = try RealSpool()
        try DurableFiles.replace(spool.layout.incoming + "/job.yaml", with: short(device))
        let daemon = try spool.startDaemon()
        daemon.waitUntilExit()
        #expect(daemon.terminationStatus == 0, "\(spool.job?.status()?.error?.message ?? "")")
        return spool
    }

    @Test(arguments: ["cpu", "vulkan"]) func aConfinedWorkerTrains(device: String) throws {
        let spool = try train(on: device)
        defer { spool.remove() }
        let status = try #require(spool.job?.status())
        if device == "vulkan", status.error?.code == .noDevice {
            print("skipped: there is no Vulkan device to train on under confinement")
            return
        }
        #expect(status.state == .succeeded && spool.adapter != nil && status.progress.step == 2)
    }

    @Test(.enabled(if: hasLandlock, "the kernel has no Landlock")) func aConfinedWorkerReachesItsJobAndItsModelAndNothingElseOfUsers()
        throws
    {
        let spool = try train(on: "cpu")
        defer { spool.remove() }
        let job = try #require(spool.job)
        let other = NSTemporaryDirectory() + "tala-secret-\(UUID().uuidString)"
        try DurableFiles.replace(other, with: "secret", mode: 0o644)
        defer { unlink(other) }
        try DurableFiles.replace(spool.layout.files + "/other.jsonl", with: "secret")
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: BuiltProgram.folder + "/tala-worker")
        process.arguments = [
            "probe", "--job", job.path, job.statusFile, spool.layout.models + "/chat-model/config.json",
            spool.layout.files + "/train.jsonl", other,
            spool.layout.files + "/other.jsonl", spool.layout.jobs, spool.layout.root + "/daemon.json", "/etc/passwd", "/dev/null", "/root",
        ]
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let lines = Set(text.split(separator: "\n").map(String.init))
        for line in [
            "writable \(job.statusFile)", "readable \(spool.layout.models)/chat-model/config.json",
            "readable \(spool.layout.files)/train.jsonl",
            "closed \(other)", "closed \(spool.layout.files)/other.jsonl", "closed \(spool.layout.jobs)",
            "closed \(spool.layout.root)/daemon.json",
            "writable /dev/null", "closed /root", "local sockets: allowed", "internet sockets: forbidden", "netlink sockets: forbidden",
        ] { #expect(lines.contains(line), "\(line)\n\(text)") }
        #expect(!lines.contains("writable /etc/passwd"))
        // Neither munge nor an agent of ssh can be asked for credentials.
        let rank = Process()
        let said = Pipe()
        rank.executableURL = process.executableURL
        rank.arguments = ["probe", "--job", job.path, "--rank"]
        rank.standardOutput = said
        try rank.run()
        let answer = String(decoding: said.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        rank.waitUntilExit()
        for word in ["local", "internet", "netlink"] { #expect(answer.contains("\(word) sockets: forbidden"), "\(answer)") }
    }

    @Test func aDatasetThatIsReplacedBetweenAcceptanceAndValidationIsJudgedAgain() throws {
        let spool = try RealSpool()
        defer { spool.remove() }
        // The folder as the daemon would have left it; then the file becomes a link that leads out.
        try DurableFiles.replace(spool.layout.incoming + "/job.yaml", with: short("cpu"))
        let waiting = try String(contentsOfFile: spool.layout.incoming + "/job.yaml", encoding: .utf8) + "\nnot_before: 99999999999\n"
        try DurableFiles.replace(spool.layout.incoming + "/job.yaml", with: waiting)
        let first = try spool.startDaemon()
        first.waitUntilExit()
        let job = try #require(spool.job)
        var acceptance = try job.acceptance()
        acceptance.training.path = acceptance.training.root + "/outside.jsonl"
        symlink("/etc/passwd", acceptance.training.path)
        try OwnDigests.replace(job.acceptanceFile, with: JSONWriter().string(acceptance.json))
        FolderListing.delete(job.path + "/data")
        FolderListing.delete(job.validationFile)
        var status = try #require(job.status())
        status = JobStatus(copying: status, in: .validatingFiles)
        try job.write(status)
        let second = try spool.startDaemon()
        second.waitUntilExit()
        let error = try #require(job.status()?.error)
        #expect(error.code == .unusableFile && error.param == "training_file" && !error.message.contains("root:"))
    }

    @Test func dataThatChangesAfterValidationIsNotTrainedOn() throws {
        let spool = try RealSpool()
        defer { spool.remove() }
        try DurableFiles.replace(spool.layout.incoming + "/job.yaml", with: short("cpu") + "\nnot_before: 99999999999\n")
        let first = try spool.startDaemon()
        first.waitUntilExit()
        let job = try #require(spool.job)
        #expect(job.isValidated && job.status()?.state == .queued)
        // The submitter's own file is of no more consequence: the job has its copy.
        try DurableFiles.replace(spool.layout.files + "/train.jsonl", with: "{}\n")
        // The model's is.
        let config = spool.layout.models + "/chat-model/generation_config.json"
        try DurableFiles.replace(config, with: "{}")
        let weights = spool.layout.models + "/chat-model/model.safetensors"
        var bytes = try DurableFiles.read(weights)
        bytes[bytes.count - 1] ^= 1
        try bytes.withUnsafeBytes { try DurableFiles.replace(weights, with: $0) }
        var manifest = try job.manifest()
        manifest.notBefore = nil
        try OwnDigests.replace(job.manifestFile, with: JSONWriter().string(manifest.json))
        let second = try spool.startDaemon()
        second.waitUntilExit()
        let status = try #require(job.status())
        #expect(status.state == .failed && status.error?.code == .dataChanged && status.error?.param == "model")
    }
}
