import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import TestSupport
import Testing
import Worker

/// A model whose single step takes many seconds in one micro-batch: what is asked in the middle of
/// it must not wait for its end.
struct SlowJob {
    let root: String
    let folder: JobFolder

    /// - Parameter width: of the hidden layers; the weights are random.
    init(device: String, width: Int, layers: Int, batch: Int) throws {
        root = NSTemporaryDirectory() + "tala-slow-\(UUID().uuidString)"
        folder = JobFolder(path: root + "/jobs/ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa")
        let model = root + "/models/slow"
        for path in [folder.controls, root + "/files", model] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        for name in ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"] {
            try FileManager.default.copyItem(atPath: ReferenceSet.own.chatModel + "/" + name, toPath: model + "/" + name)
        }
        var config = try String(contentsOfFile: ReferenceSet.own.chatModel + "/config.json", encoding: .utf8)
        for (key, value) in [("hidden_size", width), ("intermediate_size", 3 * width), ("num_hidden_layers", layers)] {
            config = config.replacing(try Regex("\"\(key)\": [0-9]+"), with: "\"\(key)\": \(value)")
        }
        try DurableFiles.replace(model + "/config.json", with: config)
        let text = try String(contentsOfFile: ReferenceSet.own.chatModel + "/train.jsonl", encoding: .utf8)
        try DurableFiles.replace(root + "/files/text.txt", with: String(repeating: text.filter { $0.isASCII && $0 != "\n" }, count: 4))
        let manifest = """
            model: slow
            training_file: text.txt
            seed: 5
            method: {type: pretrain, pretrain: {hyperparameters: {max_steps: 50, batch_size: \(batch), learning_rate: 1.0e-4}}}
            max_length: 128
            precision: float32
            checkpoint: {every_steps: 40, keep: 3}
            device: \(device)
            """
        let read = try Manifest(ManifestText(Array(manifest.utf8), isYAML: true))
        try DurableFiles.replace(folder.manifestFile, with: JSONWriter().string(read.json))
        let acceptance = JobAcceptance(
            createdAt: 1, owner: Int(getuid()), modelPath: model, trainingPath: root + "/files/text.txt", validationPath: nil,
            initialAdapterPath: nil)
        try DurableFiles.replace(folder.acceptanceFile, with: JSONWriter().string(acceptance.json))
        try folder.write(JobStatus(id: folder.id, state: .queued, createdAt: 1, manifest: read))
    }

    var events: String { (try? String(decoding: DurableFiles.read(folder.eventsFile), as: UTF8.self)) ?? "" }

    func ask(_ verb: String) throws { try DurableFiles.replace(folder.controls + "/" + verb, with: "") }

    /// Waits, a minute and a half at most.
    /// - Returns: the seconds until it was so.
    @discardableResult
    func wait(_ what: String, _ isSo: () -> Bool) throws -> Double {
        let start = Date()
        while !isSo() {
            try #require(Date().timeIntervalSince(start) < 90, "\(what) did not come about; events:\n\(events)")
            usleep(5_000)
        }
        return Date().timeIntervalSince(start)
    }

    func remove() { FolderListing.delete(root) }
}

/// A worker on a thread of its own.
private final class BackgroundWorker: @unchecked Sendable {
    private let lock = NSLock()
    private var ended: WorkerExit?
    private var stops = false

    init(_ folder: JobFolder) {
        Thread.detachNewThread { [self] in
            let outcome: WorkerExit
            do {
                outcome = try JobRunner(folder: folder, deviceSelector: nil, mustStop: { self.lock.withLock { self.stops } }).run()
            } catch { outcome = JobRunner.recordDamage(error, of: folder) }
            lock.withLock { ended = outcome }
        }
    }

    /// As SIGTERM does.
    func stop() { lock.withLock { stops = true } }
    var outcome: WorkerExit? { lock.withLock { ended } }
}

/// What is asked in the middle of a step is done in that step: the tests count steps, and no
/// seconds, which a loaded machine stretches.
@Suite(.serialized) struct ControlTimeTests {
    /// A batch whose step takes some seconds on this machine, found with few tokens and doubled: a
    /// worker looks at its controls several times a second.
    private static func batch(_ device: String, width: Int, layers: Int) throws -> Int? {
        for batch in [32, 64, 128, 256, 512] {
            let job = try SlowJob(device: device, width: width, layers: layers, batch: batch)
            defer { job.remove() }
            let worker = BackgroundWorker(job.folder)
            func isAt(_ step: Int) -> Bool { worker.outcome != nil || job.folder.pulse.map { $0.phase.isStep && $0.step >= step } ?? false }
            try job.wait("the second step") { isAt(2) }
            if worker.outcome != nil, job.folder.status()?.error?.code == .noDevice { return nil }
            let seconds = try job.wait("the third step") { isAt(3) }
            worker.stop()
            try job.wait("the end of a trial") { worker.outcome != nil }
            if seconds > 2.2 { return batch }
        }
        Issue.record("no batch makes a step long enough to prove anything on \(device)")
        return nil
    }

    // Few weights and many tokens: a checkpoint is written to its end, and that must not be what
    // takes the time.
    @Test(arguments: [("cpu", 512, 4), ("vulkan", 192, 2)])
    func whatIsAskedInTheMiddleOfALongStepIsDoneBeforeItsEnd(device: String, width: Int, layers: Int) throws {
        guard let batch = try Self.batch(device, width: width, layers: layers) else {
            return print("skipped: there is no device \(device)")
        }
        let job = try SlowJob(device: device, width: width, layers: layers, batch: batch)
        defer { job.remove() }
        func isInStep(_ step: Int) -> Bool { job.folder.pulse.map { $0.phase.isStep && $0.step == step } ?? false }
        var worker = BackgroundWorker(job.folder)
        try job.wait("the first step") { isInStep(1) || worker.outcome != nil }
        // Before the first step's end there is nothing to keep: the checkpoint follows.
        try job.ask("checkpoint")
        try job.wait("the second step") { isInStep(2) }
        try job.wait("the promised checkpoint") { job.folder.checkpointNames == ["step-000001"] && job.folder.pendingControls.isEmpty }
        try job.ask("checkpoint")
        try job.wait("an answer") { job.events.contains("is already there") && job.folder.pendingControls.isEmpty }
        #expect(isInStep(2))
        try job.wait("the third step") { isInStep(3) }
        // Time and cost are counted while the step lasts, once a second.
        let used = job.folder.status()?.usage.total.deviceSeconds ?? 0
        try job.wait("time that is counted") { (job.folder.status()?.usage.total.deviceSeconds ?? 0) > used }
        #expect(isInStep(3) && used > 0)
        try job.ask("checkpoint")
        try job.wait("a checkpoint") { job.folder.pendingControls.isEmpty }
        #expect(
            isInStep(3) && job.folder.checkpointNames == ["step-000001", "step-000002"]
                && job.events.contains("step-000002 was written because"))
        try job.ask("pause")
        try job.wait("a pause") { worker.outcome != nil }
        #expect(worker.outcome == .paused && job.folder.status()?.state == .paused && job.folder.status()?.progress.step == 2)
        // SIGTERM, in the third step again.
        worker = BackgroundWorker(job.folder)
        try job.wait("the third step") { isInStep(3) }
        worker.stop()
        try job.wait("an end") { worker.outcome != nil }
        #expect(worker.outcome == .stopped && job.folder.checkpointNames.last == "step-000002")
        worker = BackgroundWorker(job.folder)
        try job.wait("the third step") { isInStep(3) }
        try job.ask("cancel")
        try job.wait("a cancellation") { worker.outcome != nil }
        #expect(worker.outcome == .cancelled && job.folder.status()?.state == .cancelled && job.folder.status()?.progress.step == 2)
        #expect(FolderListing.exists(job.folder.result + "/\(PartialResult.folderName)"))
    }
}

/// The same through the daemon, in the first step, which also makes programs and so takes longest:
/// nothing waits for its end, so no step is ever done.
@Suite(.serialized, .enabled(if: RealSpool.areBuilt, "the programs are not built")) struct FirstStepControlTests {
    @Test func whatIsAskedInTheFirstStepIsAnsweredBeforeItsEnd() throws {
        let source = try SlowJob(device: "cpu", width: 1024, layers: 4, batch: 32)
        defer { source.remove() }
        let spool = try RealSpool()
        defer { spool.remove() }
        try FileManager.default.removeItem(atPath: spool.layout.incoming + "/job.yaml")
        try FileManager.default.copyItem(atPath: source.root + "/models/slow", toPath: spool.layout.models + "/slow")
        try FileManager.default.copyItem(atPath: source.root + "/files/text.txt", toPath: spool.layout.files + "/text.txt")
        try DurableFiles.replace(spool.layout.incoming + "/job.json", with: JSONWriter().string(source.folder.manifest().json))
        let daemon = try spool.startDaemon()
        defer { daemon.terminate() }
        func wait(_ what: String, _ isSo: (JobFolder) -> Bool) throws {
            let start = Date()
            while !(spool.job.map(isSo) ?? false) {
                try #require(Date().timeIntervalSince(start) < 90, "\(what) did not come about")
                usleep(5_000)
            }
        }
        func ask(_ verb: String) throws { try DurableFiles.replace(spool.layout.control + "/\(spool.job?.id ?? "").\(verb)", with: "") }
        func events(_ folder: JobFolder) -> String { (try? String(decoding: DurableFiles.read(folder.eventsFile), as: UTF8.self)) ?? "" }
        // The last sign of life of a worker before stays until the next one begins.
        func isInFirstStep(_ folder: JobFolder) -> Bool { folder.status()?.state == .running && folder.pulse?.phase == .firstStep }
        try wait("the first step", isInFirstStep)
        try ask("checkpoint")
        try wait("an answer") { events($0).contains("follows the first step") }
        #expect(spool.job.map(isInFirstStep) == true && spool.steps.isEmpty)
        try ask("pause")
        try wait("a pause") { $0.status()?.state == .paused && spool.workers.isEmpty }
        daemon.waitUntilExit()
        #expect(spool.steps.isEmpty)
        try ask("resume")
        let second = try spool.startDaemon()
        defer { second.terminate() }
        try wait("the first step again", isInFirstStep)
        second.terminate()
        second.waitUntilExit()
        #expect(spool.workers.isEmpty && spool.job?.status()?.state == .queued && spool.steps.isEmpty)
        let third = try spool.startDaemon()
        defer { third.terminate() }
        try wait("the first step again", isInFirstStep)
        try ask("cancel")
        try wait("a cancellation") { $0.status()?.state == .cancelled && spool.workers.isEmpty }
        third.waitUntilExit()
        #expect(spool.steps.isEmpty)
    }
}
