import Glibc
import JSON
import Jobs
public import Spool
import Storage

/// The daemon: takes drops, keeps the queue, runs one worker a device, acts on control files, survives its workers.
///
/// One thread, one loop. All state that matters is in files; what is in memory is read from them at the start.
public final class TalaDaemon {
    public struct Configuration: Sendable {
        public var layout: SpoolLayout
        public var device: String
        /// The worker's program.
        public var workerProgram: String
        /// Ends when nothing is left to do.
        public var drains: Bool
        public var allowedRoots: [String]
        /// Seconds to wait before a crashed job is started again, by the number of crashes without progress.
        public var retryDelays: [Double]
        public var version: String

        public init(
            layout: SpoolLayout, device: String, workerProgram: String, drains: Bool, allowedRoots: [String] = [],
            retryDelays: [Double] = [5, 60, 600], version: String = "0.1.0"
        ) {
            self.layout = layout
            self.device = device
            self.workerProgram = workerProgram
            self.drains = drains
            self.allowedRoots = allowedRoots
            self.retryDelays = retryDelays
            self.version = version
        }
    }
    /// Why the daemon cannot start.
    public enum StartError: Error, CustomStringConvertible {
        case spoolIsTaken(String)

        public var description: String {
            switch self {
            case .spoolIsTaken(let path): "another talad works on \(path)"
            }
        }
    }

    private struct Crashes {
        var count = 0
        var step = -1
        var notBefore = 0.0
    }

    private let configuration: Configuration
    private let acceptance: Acceptance
    private let lock: FileLock
    private let notifier = Notifier()
    private var queue = Queue()
    private var worker: WorkerProcess?
    private var crashes: [String: Crashes] = [:]
    private var failures = 0
    private var accepted = 0
    private var rejected = 0
    private var lastHeartbeat = -1e9
    private let mustStop: () -> Bool

    /// - Parameter mustStop: asked in every turn of the loop; true after SIGTERM.
    /// - Throws: ``StartError``, ``StorageError``.
    public init(_ configuration: Configuration, mustStop: @escaping () -> Bool) throws {
        self.configuration = configuration
        self.mustStop = mustStop
        acceptance = Acceptance(layout: configuration.layout, resolver: PathResolver(allowedRoots: configuration.allowedRoots))
        for folder in [configuration.layout.root] + configuration.layout.folders where !FolderListing.exists(folder) {
            try DurableFiles.makeFolder(folder)
        }
        guard let lock = try FileLock(path: configuration.layout.lockFile) else { throw StartError.spoolIsTaken(configuration.layout.root) }
        self.lock = lock
    }

    static func monotonic() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    static func wallMilliseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(max(0, time.tv_sec)) * 1000 + UInt64(time.tv_nsec / 1_000_000)
    }

    private func log(_ message: String, _ level: Int = 6) { StandardError.write("<\(level)>\(message)\n") }

    /// Works until told to stop, or until nothing is left to do when draining.
    /// - Returns: the exit code: 0, or 1 if a job failed while draining.
    public func run() -> Int32 {
        let layout = configuration.layout
        let watch = IncomingWatch([layout.incoming, layout.control])
        recover()
        notifier.send("READY=1")
        log("talad \(configuration.version) works on \(layout.root)")
        var lastScan = -1e9
        while true {
            if mustStop() { return leave() }
            let now = Self.monotonic()
            scan(full: now - lastScan > 10)
            if now - lastScan > 10 { lastScan = now }
            control()
            supervise()
            startNext()
            heartbeat()
            if configuration.drains, worker == nil, queue.waiting.isEmpty, candidates().isEmpty { return failures == 0 ? 0 : 1 }
            watch.wait(milliseconds: worker == nil ? 1000 : 200)
        }
    }

    // MARK: Drops

    private func candidates() -> [String] {
        ((try? FolderListing.names(in: configuration.layout.incoming)) ?? []).filter(Claim.isCandidate)
    }

    private func scan(full: Bool) {
        for name in candidates() {
            do {
                switch try acceptance.take(name, milliseconds: Self.wallMilliseconds()) {
                case .accepted(let status):
                    queue.add(status)
                    accepted += 1
                    log("\(status.id): accepted from \(name)")
                case .rejected(let name, let message):
                    rejected += 1
                    failures += 1
                    log("rejected \(name): \(message)", 4)
                case .gone: break
                }
            } catch {
                log("cannot take \(name): \(error)", 3)
                return
            }
        }
    }

    // MARK: Recovery

    /// Reads what the last daemon left: unfinished claims go back, running jobs are queued again.
    private func recover() {
        let layout = configuration.layout
        for name in (try? FolderListing.names(in: layout.jobs)) ?? [] {
            if name.hasPrefix(".claim-") {
                // The job folder appears by one rename: if it is not there, the drop was not accepted yet.
                let drop = layout.jobs + "/" + name + "/drop"
                if access(drop, F_OK) == 0, access(layout.jobs + "/" + name.dropFirst(7), F_OK) != 0 {
                    let isFolder = FolderListing.isFolder(drop)
                    try? DurableFiles.rename(
                        drop, to: layout.incoming + "/recovered-" + name.dropFirst(7) + (isFolder ? "" : Self.suffix(ofManifest: drop)))
                }
                FolderListing.delete(layout.jobs + "/" + name)
            } else if name.hasPrefix(".new-") {
                // A bundle that had already moved here goes back as well.
                let bundle = layout.jobs + "/" + name + "/bundle"
                if access(bundle, F_OK) == 0 { try? DurableFiles.rename(bundle, to: layout.incoming + "/recovered-" + name.dropFirst(5)) }
                FolderListing.delete(layout.jobs + "/" + name)
            } else if JobIdentifier.isJob(name) {
                let folder = layout.job(name)
                guard var status = folder.status() else {
                    log("\(name): status.json cannot be read; the job is left alone", 3)
                    continue
                }
                if status.state == .running || status.state == .validatingFiles {
                    status.state = .queued
                    try? folder.write(status)
                }
                if status.state == .queued { queue.add(status) }
            }
        }
    }

    private static func suffix(ofManifest path: String) -> String {
        guard let bytes = try? DurableFiles.read(path, limit: 1 << 20), let first = bytes.first(where: { $0 > 0x20 }) else {
            return ".json"
        }
        return first == UInt8(ascii: "{") ? ".json" : ".yaml"
    }

    // MARK: Control files

    private func control() {
        let layout = configuration.layout
        for name in (try? FolderListing.names(in: layout.control)) ?? [] {
            let parts = name.split(separator: ".", omittingEmptySubsequences: false)
            let path = layout.control + "/" + name
            var information = stat()
            guard parts.count == 2, JobIdentifier.isJob(parts[0]), lstat(path, &information) == 0 else {
                if Claim.isCandidate(name) { try? DurableFiles.remove(path) }
                continue
            }
            try? DurableFiles.remove(path)
            let folder = layout.job(String(parts[0]))
            guard var status = folder.status() else { continue }
            // A job is controlled by its owner, by the daemon's own user and by root.
            let asker = Int(information.st_uid)
            guard asker == status.owner ?? asker || asker == Int(geteuid()) || asker == 0 else {
                log("\(status.id): user \(asker) may not \(parts[1]) this job", 4)
                continue
            }
            act(String(parts[1]), on: &status, folder)
        }
    }

    private func act(_ verb: String, on status: inout JobStatus, _ folder: JobFolder) {
        let isRunning = worker?.job == status.id
        switch verb {
        case "cancel" where !isRunning && !status.state.isFinal:
            queue.remove(status.id)
            status.state = .cancelled
            status.finishedAt = Int(Self.wallMilliseconds() / 1000)
            record(status, folder, .info, "Fine-tuning job cancelled")
        case "pause" where !isRunning && status.state == .queued:
            queue.remove(status.id)
            status.state = .paused
            status.reason = "requested"
            record(status, folder, .info, "Paused")
        case "resume" where status.state == .paused:
            status.state = .queued
            status.reason = nil
            record(status, folder, .info, "Resumed: waiting for a device")
            crashes[status.id] = nil
            queue.add(status)
        case "cancel" where isRunning, "pause" where isRunning, "checkpoint" where isRunning:
            try? DurableFiles.makeFolder(folder.controls)
            try? DurableFiles.replace(folder.controls + "/" + verb, with: "")
        default: log("\(status.id): \(verb) means nothing for a job that is \(status.state.rawValue)", 5)
        }
    }

    private func record(_ status: JobStatus, _ folder: JobFolder, _ level: JobEvent.Level, _ message: String) {
        do {
            try folder.write(status)
            try EventLog(folder).append(level, message, at: Int(Self.wallMilliseconds() / 1000))
        } catch {
            log("\(status.id): \(error)", 3)
        }
    }

    // MARK: Workers

    private func startNext() {
        guard worker == nil else { return }
        let layout = configuration.layout
        let wall = Int(Self.wallMilliseconds() / 1000)
        let now = Self.monotonic()
        let next = queue.next { status in
            if let crash = crashes[status.id], crash.notBefore > now { return false }
            // A worker of a daemon that was killed may still be writing its last checkpoint.
            guard let lock = try? FileLock(path: layout.job(status.id).lockFile) else { return false }
            withExtendedLifetime(lock) {}
            guard let manifest = try? layout.job(status.id).manifest() else { return true }
            if let notBefore = manifest.notBefore, notBefore > wall { return false }
            return manifest.after.allSatisfy { layout.job($0).status()?.state == .succeeded }
        }
        guard var status = next else { return }
        let folder = layout.job(status.id)
        status.attempts += 1
        try? folder.write(status)
        guard
            let started = WorkerProcess.start(
                program: configuration.workerProgram, job: status.id, folder: folder.path, device: configuration.device,
                startStep: status.progress.step)
        else {
            log("cannot start \(configuration.workerProgram): \(String(cString: strerror(errno)))", 3)
            crashes[status.id, default: Crashes()].notBefore = now + 5
            queue.add(status)
            return
        }
        worker = started
        log("\(status.id): started (process \(started.processID))")
    }

    private func supervise() {
        guard let running = worker, let end = running.poll() else { return }
        worker = nil
        let folder = configuration.layout.job(running.job)
        guard var status = folder.status() else { return }
        switch end {
        case .exited(0), .exited(1), .exited(3), .exited(4):
            if !status.state.isFinal, status.state != .paused { return crashed(&status, folder, running, "ended without a result") }
            if status.state == .failed { failures += 1 }
            crashes[running.job] = nil
            log("\(status.id): \(status.state.rawValue)")
        case .exited(75):
            status.state = .queued
            record(status, folder, .info, "Waiting to go on")
            queue.add(status)
        case .exited(let code): crashed(&status, folder, running, "the worker ended with exit code \(code)")
        case .signalled(let signal):
            crashed(&status, folder, running, "the worker was ended by signal \(signal) (\(String(cString: strsignal(signal))))")
        }
    }

    /// A worker that died is started again from the newest checkpoint: with growing delays, and not for ever at one place.
    private func crashed(_ status: inout JobStatus, _ folder: JobFolder, _ running: WorkerProcess, _ what: String) {
        var crash = crashes[status.id] ?? Crashes()
        let step = status.checkpoint.flatMap { CheckpointRecord.step(ofFolder: $0) } ?? 0
        if step > crash.step { crash.count = 0 }
        crash.step = step
        crash.count += 1
        if crash.count > configuration.retryDelays.count {
            failures += 1
            status.state = .failed
            status.finishedAt = Int(Self.wallMilliseconds() / 1000)
            let place = status.checkpoint.map { "; the last complete checkpoint is checkpoints/\($0)" } ?? ""
            status.error = .init(code: "worker_crashed", message: "\(what) \(crash.count) times without progress\(place)")
            record(status, folder, .error, "Fine-tuning job failed: \(status.error?.message ?? what)")
            crashes[status.id] = nil
            return
        }
        let delay = configuration.retryDelays[crash.count - 1]
        crash.notBefore = Self.monotonic() + delay
        crashes[status.id] = crash
        status.state = .queued
        record(status, folder, .warn, "\(what); trying again in \(Int(delay)) s\(status.checkpoint.map { " from \($0)" } ?? "")")
        queue.add(status)
    }

    /// Asks the worker for a checkpoint and waits until it has left.
    private func leave() -> Int32 {
        notifier.send("STOPPING=1")
        log("leaving")
        if let running = worker {
            running.terminate()
            let deadline = Self.monotonic() + 170
            while Self.monotonic() < deadline {
                if worker == nil { break }
                supervise()
                if worker != nil { usleep(50_000) }
            }
        }
        heartbeat(force: true, isLeaving: true)
        return 0
    }

    // MARK: What others see

    private func heartbeat(force: Bool = false, isLeaving: Bool = false) {
        let now = Self.monotonic()
        guard force || now - lastHeartbeat > 2 else { return }
        lastHeartbeat = now
        notifier.send("WATCHDOG=1")
        let running = worker.flatMap { configuration.layout.job($0.job).status() }
        let line = running.map { "1 running (\($0.id) step \($0.progress.step)/\($0.progress.totalSteps))" } ?? "idle"
        notifier.send("STATUS=\(line), \(queue.waiting.count) queued")
        let node: JSONNode = [
            "version": JSONNode(configuration.version), "pid": JSONNode(Int(getpid())),
            "state": JSONNode(isLeaving ? "stopped" : "running"),
            "heartbeat": JSONNode(Int(Self.wallMilliseconds() / 1000)), "device": JSONNode(configuration.device),
            "running": JSONNode(worker.map { [JSONNode($0.job)] } ?? []),
            "queued": JSONNode(queue.waiting.keys.sorted().map { JSONNode($0) }),
            "accepted": JSONNode(accepted), "rejected": JSONNode(rejected),
        ]
        do { try DurableFiles.replace(configuration.layout.daemonFile, with: JSONWriter(isIndented: true).string(node) + "\n") } catch {
            log("\(error)", 3)
        }
    }
}
