import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import StorageTrials
import TestSupport
import Testing
import Worker

/// A job of a few steps on the reference model, run in this process: short enough to be broken at
/// every place.
struct CrashJob {
    let root: String
    let folder: JobFolder
    /// The job as it was accepted.
    let start: FolderSnapshot

    /// - Parameters:
    ///   - base: how a LoRA keeps the model's own weights.
    ///   - loss: trains on pairs of answers, with this loss.
    ///   - teacherWeights: learns from the demonstration's model, whose weights lie in this format.
    ///   - splitsBatches: gives the job so little memory that a batch is several micro-batches.
    init(
        lora: Bool = true, dropout: Double = 0, base: BaseWeights? = nil, keep: Int = 2, device: String = "cpu",
        optimizer: String = "adamw", loss: String? = nil, teacherWeights: String? = nil, splitsBatches: Bool = false
    ) throws {
        func make(_ limit: Int?) throws -> CrashJob {
            try CrashJob(
                lora: lora, dropout: dropout, base: base, keep: keep, device: device, optimizer: optimizer, loss: loss,
                teacherWeights: teacherWeights, memoryLimit: limit)
        }
        self = try make(splitsBatches ? try Self.tightLimit(make) : nil)
    }

    /// Less and less, until a micro-batch is half a batch at most.
    private static func tightLimit(_ make: (Int?) throws -> CrashJob) throws -> Int? {
        var limit: Int?
        var fitting: Int?
        var first = 0
        for _ in 0..<16 {
            let job = try make(limit)
            defer { job.remove() }
            var looks = 0
            // Long enough to plan, too short to train.
            job.run(stop: {
                looks += 1
                return looks > 1
            })
            guard let plan = job.folder.status()?.plan else { break }
            let (bytes, tokens) = (plan.deviceBytes, plan.microBatchTokens)
            fitting = limit
            first = max(first, tokens)
            if tokens * 2 <= first { break }
            limit = min(bytes, limit ?? bytes) - bytes / 64
        }
        return fitting
    }

    private init(
        lora: Bool, dropout: Double, base: BaseWeights?, keep: Int, device: String, optimizer: String, loss: String?,
        teacherWeights: String?, memoryLimit: Int?
    ) throws {
        root = NSTemporaryDirectory() + "tala-crash-\(UUID().uuidString)"
        folder = JobFolder(path: root + "/jobs/ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa")
        try FileManager.default.createDirectory(atPath: folder.controls, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: root + "/files", withIntermediateDirectories: true)
        for (name, count) in [("train.jsonl", 7), ("validation.jsonl", 3)] {
            let lines = try String(contentsOfFile: ReferenceSet.own.chatModel + "/" + name, encoding: .utf8).split(separator: "\n").prefix(
                count)
            let data = try loss == nil ? lines.map(String.init) : Self.pairs(lines.map(String.init))
            try DurableFiles.replace(root + "/files/" + name, with: data.joined(separator: "\n") + "\n")
        }
        let adapter = lora ? "{type: lora, rank: 4, alpha: 8, dropout: \(dropout)}" : "{type: full}"
        let (method, more) = loss.map { ("dpo", "loss: \($0), ") } ?? (teacherWeights == nil ? "supervised" : "distillation", "")
        let beside = teacherWeights.map { "teacher: teacher, temperature: 2, teacher_weights: \($0), " } ?? ""
        let manifest = """
            model: chat-model
            training_file: train.jsonl
            validation_file: validation.jsonl
            seed: 5
            method: {type: \(method), \(method): {\(beside)hyperparameters: {\(more)n_epochs: 2, batch_size: 3, learning_rate: 1.0e-3}}}
            optimizer: {type: \(optimizer)}
            adapter: \(adapter)
            max_length: 512
            precision: float32
            \(lora ? "base_weights: \(base?.rawValue ?? "auto")" : "")
            checkpoint: {every_steps: 2, keep: \(keep)}
            device: \(device)
            \(memoryLimit.map { "memory_limit: \($0)" } ?? "")
            """
        let read = try Manifest(ManifestText(Array(manifest.utf8), isYAML: true))
        try DurableFiles.replace(folder.manifestFile, with: JSONWriter().string(read.json))
        var acceptance = JobAcceptance(
            createdAt: 1, owner: Int(getuid()), modelPath: ReferenceSet.own.chatModel, trainingPath: root + "/files/train.jsonl",
            validationPath: root + "/files/validation.jsonl", initialAdapterPath: nil)
        if teacherWeights != nil { acceptance.comparisonPath = ReferenceSet.own.trajectoryModel }
        try DurableFiles.replace(folder.acceptanceFile, with: JSONWriter().string(acceptance.json))
        try folder.write(JobStatus(id: folder.id, state: .queued, createdAt: 1, manifest: read))
        start = try FolderSnapshot(folder.path)
    }

    /// Each conversation with its answer, and with the next one's.
    private static func pairs(_ lines: [String]) throws -> [String] {
        let records = try lines.map { try JSONParser().parse($0)["messages"]?.array ?? [] }
        return records.indices.map { index in
            let other = records[(index + 1) % records.count]
            return JSONWriter().string([
                "prompt": JSONNode(Array(records[index].dropLast())), "chosen": JSONNode(Array(records[index].suffix(1))),
                "rejected": JSONNode(Array(other.suffix(1))),
            ])
        }
    }

    /// Puts the job back to where it was when it was accepted.
    func reset() throws { try start.restore() }

    /// Runs as the worker does, on another file system if one is given.
    @discardableResult
    func run(on fileSystem: (any FileSystem)? = nil, stop: @escaping () -> Bool = { false }) -> WorkerExit {
        func work() -> WorkerExit {
            do { return try JobRunner(folder: folder, deviceSelector: nil, mustStop: stop).run() } catch {
                return JobRunner.recordDamage(error, of: folder)
            }
        }
        guard let fileSystem else { return work() }
        return CurrentFileSystem.$override.withValue(fileSystem) { work() }
    }

    /// Runs until it succeeds, as a daemon would start it again.
    func finish() -> WorkerExit {
        var outcome = run()
        for _ in 0..<3 where outcome == .stopped || outcome == .diskFull || outcome == .ranOut { outcome = run() }
        return outcome
    }

    var events: String { (try? String(decoding: DurableFiles.read(folder.eventsFile), as: UTF8.self)) ?? "" }

    func remove() { FolderListing.delete(root) }
}

/// What a finished job leaves, without what may differ between two runs of the same job: times and
/// speeds.
struct JobTrace: Equatable {
    var state: JobState?
    var files: [String: [UInt8]] = [:]
    var metrics: [String] = []
    /// Hidden files, and folders with hidden names: what a crash may have left behind.
    var litter: [String] = []

    init(_ folder: JobFolder) throws {
        state = folder.status()?.state
        let tree = try FolderSnapshot(folder.path)
        for (path, index) in tree.files where path.hasPrefix("result/") && !path.hasSuffix(WholeFolder.listName) {
            files[path] = tree.contents[index]
            // Only text is decoded: each byte of weights that is no UTF-8 would throw, and the test
            // library takes a backtrace of every throw.
            guard path.hasSuffix(".md") || path.hasSuffix(".json") else { continue }
            let text = String(decoding: tree.contents[index], as: UTF8.self)
            files[path] = Array(text.replacingOccurrences(of: folder.id.dropFirst(6), with: "ID").utf8)
        }
        for (path, index) in tree.files
        where path.hasPrefix("checkpoints/") && !path.hasPrefix("checkpoints/.damaged-") && path.hasSuffix(".safetensors") {
            files[path] = tree.contents[index]
        }
        metrics =
            (try? String(decoding: DurableFiles.read(folder.metricsFile), as: UTF8.self))?.split(separator: "\n").map {
                // All but tokens_per_second, which the clock decides.
                $0.split(separator: ",", omittingEmptySubsequences: false).enumerated().filter { $0.offset != 10 }.map(\.element).joined(
                    separator: ",")
            } ?? []
        litter = (tree.folders + tree.files.keys).filter { path in
            path.split(separator: "/").contains { $0.hasPrefix(".") && ![".lock", ".control"].contains($0) && !$0.hasPrefix(".damaged-") }
        }
    }

    /// In which parts another trace differs.
    func differences(from other: JobTrace) -> String {
        var parts: [String] = []
        if state != other.state { parts.append("state \(state?.rawValue ?? "none") not \(other.state?.rawValue ?? "none")") }
        for path in Set(files.keys).union(other.files.keys).sorted() where files[path] != other.files[path] {
            // A run that was stopped has a checkpoint of that step too.
            if path.hasPrefix("checkpoints/"), files[path] == nil || other.files[path] == nil { continue }
            parts.append(path)
        }
        if metrics != other.metrics { parts.append("metrics: \(metrics.count) lines, not \(other.metrics.count)") }
        if !litter.isEmpty { parts.append("litter: \(litter)") }
        return parts.joined(separator: "; ")
    }
}
