import Glibc
package import Jobs
import Spool
import Storage

/// The daemon: takes drops, keeps the queue, runs one worker a device, acts on control files, survives its workers.
///
/// One thread, one loop. All state that matters is in files; what is in memory is read from them at the start.
package final class TalaDaemon {
    /// A device and the worker that has it.
    struct DeviceSlot {
        let selector: String
        var worker: WorkerProcess?
    }

    let configuration: Configuration
    let layout: SpoolLayout
    let acceptance: Acceptance
    let journal = Journal()
    let notifier = Notifier()
    var authority: Authority
    /// Users as the system's database had them a minute ago at most.
    var submitters: [Int: (submitter: Submitter, time: Double)] = [:]
    var drops: DropFinder
    var dropsAllowedAt = -Double.infinity
    /// Jobs whose files wait to be validated.
    var validations = Queue()
    /// Jobs that wait for a device.
    var queue = Queue()
    var devices: [DeviceSlot]
    /// The worker that validates files or salvages a job that is given up; it needs no device of its own.
    var validator: WorkerProcess?
    var salvages: [String] = []
    var registry = Registry()
    /// Jobs that are paused because a disk is full.
    var waitingForRoom: Set<String> = []
    /// What failed and is to be done again.
    var deferred = Deferred()
    /// What could not be written of jobs yet.
    var unwritten: [String: Unwritten] = [:]
    /// Control files that have been acted on and could not be taken away yet.
    var heldVerbs: Set<String> = []
    var controlAllowedAt = -Double.infinity
    /// Failures in a row of taking drops, of acting on control files and of starting workers.
    var troubles = (drops: 0, control: 0, starts: 0)
    var startsAllowedAt = -Double.infinity
    /// The milliseconds of the newest job's name.
    var newestIdentifier: UInt64 = 0
    /// Seconds in which this daemon was awake. While a machine sleeps or a debugger holds the daemon, workers cannot show a sign of life either.
    private(set) var awake = 0.0
    private var lastTurn = Clock.monotonic()
    /// When descriptors last ran out.
    var lastShortage = -Double.infinity
    /// Jobs that are paused because their owner's month is used up.
    var waitingForQuota: Set<String> = []
    /// When use was last counted while jobs run, and when the disk's part of it was; seconds of the monotonic clock.
    var lastCount = -Double.infinity
    var lastDiskCount = -Double.infinity
    /// Jobs that have ended and whose dependents are still to be told.
    private var ends: [JobStatus] = []
    var failures = 0
    var accepted = 0
    var rejected = 0
    var lastHeartbeat = -Double.infinity
    private let lock: FileLock
    let mustStop: () -> Bool
    private let mustReload: () -> Bool

    /// - Parameters:
    ///   - mustStop: asked in every turn of the loop; true after SIGTERM.
    ///   - mustReload: likewise; true once after SIGHUP.
    /// - Throws: ``StartError``, ``StorageError``.
    package init(_ configuration: Configuration, mustStop: @escaping () -> Bool, mustReload: @escaping () -> Bool = { false }) throws {
        self.configuration = configuration
        self.mustStop = mustStop
        self.mustReload = mustReload
        layout = configuration.layout
        devices = configuration.devices.map { DeviceSlot(selector: $0) }
        acceptance = Acceptance(
            layout: configuration.layout, resolver: PathResolver(allowedRoots: configuration.allowedRoots), devices: configuration.devices)
        for folder in [layout.root] + layout.folders where !FolderListing.exists(folder) {
            try Self.persist(journal, mustStop) { try DurableFiles.makeFolder(folder) }
        }
        authority = try Self.persist(journal, mustStop) { try Authority(configuration.layout, policyFile: configuration.policyFile) }
        guard let lock = try Self.persist(journal, mustStop, { try FileLock(path: configuration.layout.lockFile, patience: 1) }) else {
            throw StartError.spoolIsTaken(layout.root)
        }
        self.lock = lock
        try Self.persist(journal, mustStop) { try Self.checkFormat(configuration.layout) }
        drops = DropFinder(
            folder: layout.incoming, settleSeconds: configuration.settleSeconds, abandonedSeconds: configuration.abandonedSeconds,
            wall: { Double(Clock.wallMilliseconds()) / 1000 })
    }

    /// A spool without a number is of the first form, or new. Its jobs get their ledgers when they are recovered.
    private static func checkFormat(_ layout: SpoolLayout) throws {
        let found: String
        do throws(StorageError) { found = String(decoding: try DurableFiles.read(layout.formatFile, limit: 64), as: UTF8.self) } catch {
            guard error.isMissing else { throw error }
            return try DurableFiles.replace(layout.formatFile, with: "\(SpoolLayout.format)\n")
        }
        let word = found.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
        // What a crash or a bit has made unreadable says nothing of a later program.
        let number = Int(word) ?? 0
        if number > SpoolLayout.format { throw StartError.newerSpool(layout.root, format: word) }
        // First of all: no earlier program may work on a spool of which some jobs are already of this form.
        if number < SpoolLayout.format { try DurableFiles.replace(layout.formatFile, with: "\(SpoolLayout.format)\n") }
    }

    /// Works until told to stop, or until nothing is left to do when draining.
    package func run() -> DaemonExit {
        let watch = SpoolWatch([layout.incoming, layout.control])
        do { try recover() } catch {
            journal.log(.error, "\(error): leaving")
            return .jobsUnreadable
        }
        var lastScan = Clock.monotonic()
        if !drops.rescan(now: lastScan) { lastScan -= 9 }
        lookForRoom()
        lookForQuota()
        heartbeat(force: true)
        notifier.send("READY=1")
        journal.log(.information, "talad \(configuration.version) works on \(layout.root)")
        while true {
            if mustStop() { return leave() }
            if mustReload() { reload() }
            retryWhatIsDue()
            if hasDescriptors() {
                takeDrops()
                control()
            }
            supervise()
            countUse()
            startWork()
            heartbeat()
            if configuration.drains, isDone { return failures > 0 ? .jobFailed : waitingForRoom.isEmpty ? .done : .waitsForRoom }
            let changes = watch.wait(milliseconds: pauseMilliseconds, others: workers.map(\.descriptor))
            let now = Clock.monotonic()
            for name in changes.completed { drops.completed(name, now: now) }
            for name in changes.appeared { drops.appeared(name, now: now) }
            drops.reconsider(now: now)
            if changes.overflowed { journal.log(.notice, "more happened in the spool than the kernel keeps: looking through all of it") }
            if changes.overflowed || now - lastScan > 10 {
                lookForRoom()
                lookForQuota()
                // A folder that cannot be listed is looked at again in a second.
                lastScan = drops.rescan(now: now) ? now : now - 9
            }
        }
    }

    /// Counts the time since the last turn of the loop, of which there are several a second when all is well.
    func countAwake() {
        let now = Clock.monotonic()
        awake += min(5, max(0, now - lastTurn))
        lastTurn = now
    }

    /// The milliseconds that the next job's name gets: later than all before, also when the wall clock has been set back, so that names stay in order.
    func nextIdentifier() -> UInt64 {
        newestIdentifier = max(Clock.wallMilliseconds(), newestIdentifier + 1)
        return newestIdentifier
    }

    var workers: [WorkerProcess] { devices.compactMap(\.worker) + (validator.map { [$0] } ?? []) }

    private var isDone: Bool {
        workers.isEmpty && !drops.isWaiting && !validations.hasDue && !queue.hasDue && salvages.isEmpty && deferred.isEmpty
            && Self.isEmpty(layout.incoming)
    }

    /// Whether no drop lies in a folder.
    private static func isEmpty(_ folder: String) -> Bool {
        (try? FolderListing.names(in: folder))?.contains { Claim.isCandidate($0) } == false
    }

    /// How long the loop may sleep: workers that end and drops that come wake it.
    private var pauseMilliseconds: Int32 {
        if drops.isWaiting { return 50 }
        if let due = deferred.nextDue { return Int32(min(200, max(10, (due - Clock.monotonic()) * 1000))) }
        return workers.isEmpty && validations.isEmpty && queue.isEmpty ? 1000 : 200
    }

    private func reload() {
        notifier.reloading()
        do {
            authority = try Authority(layout, policyFile: configuration.policyFile)
            submitters = [:]
            journal.log(.information, "read the policy again")
        } catch {
            journal.log(.error, "the policy stays as it was: \(error)")
        }
        notifier.send("READY=1")
    }

    /// Asks the workers for checkpoints and waits until they have left.
    private func leave() -> DaemonExit {
        notifier.send("STOPPING=1")
        journal.log(.information, "leaving")
        isLeaving = true
        for worker in workers { worker.send(SIGTERM) }
        let start = Clock.monotonic()
        while !workers.isEmpty {
            let elapsed = Clock.monotonic() - start
            if elapsed > configuration.leaveSeconds {
                for worker in workers { worker.send(SIGKILL) }
            }
            supervise()
            retryWhatIsDue()
            heartbeat()
            usleep(20_000)
        }
        // What could not be written until now is tried for a little while longer; the files then say what they said before.
        while !deferred.isEmpty, Clock.monotonic() - start < min(5, configuration.leaveSeconds) {
            retryWhatIsDue()
            usleep(20_000)
        }
        heartbeat(force: true)
        return .done
    }
    /// True from SIGTERM on: nothing is started any more.
    var isLeaving = false

    func submitter(_ owner: Int) -> Submitter {
        let now = Clock.monotonic()
        if let known = submitters[owner], now - known.time < 60 { return known.submitter }
        let submitter = Submitter(user: UInt32(exactly: owner) ?? 65_534)
        submitters[owner] = (submitter, now)
        return submitter
    }

    /// What the queue must know of an accepted job.
    func entry(_ status: JobStatus, _ manifest: Manifest) -> Queue.Entry {
        Queue.Entry(
            id: status.id, owner: status.owner ?? 0, priority: status.priority, device: manifest.device, notBefore: manifest.notBefore,
            after: Set(manifest.after.filter { registry.state($0) != .succeeded }))
    }

    /// Puts a validated job into the queue.
    /// - Parameter retryAt: seconds of the monotonic clock before which it does not start.
    func enqueue(_ status: JobStatus, retryAt: Double? = nil) {
        deferred.remove(Self.queueing(status.id))
        insist(on: Self.queueing(status.id)) { daemon, tries in try daemon.place(status, retryAt: retryAt, tries: tries) }
    }
    static func queueing(_ id: String) -> String { "queueing of \(id)" }

    private func place(_ status: JobStatus, retryAt: Double?, tries: Int) throws {
        let folder = layout.job(status.id)
        guard folder.isValidated else {
            return validations.add(
                Queue.Entry(id: status.id, owner: status.owner ?? 0, priority: status.priority, retryAt: retryAt))
        }
        var status = status
        do {
            let manifest = try folder.manifest()
            // The worker will read it: what is damaged is said before a device is given to it.
            _ = try folder.acceptance()
            // What it waits for may have failed meanwhile.
            if let failed = manifest.after.first(where: { registry.state($0) == .failed || registry.state($0) == .cancelled }) {
                return fail(&status, folder, Self.dependencyFailure(failed))
            }
            var entry = entry(status, manifest)
            entry.retryAt = retryAt
            queue.add(entry)
        } catch let error as StorageError where !error.isMissing {
            guard error.isTransient || tries < 6 else {
                return fail(&status, folder, .init(code: .inputOutput, message: "\(error)"))
            }
            throw error
        } catch {
            fail(&status, folder, Self.damage(error))
        }
    }

    /// What is said of a job whose own files cannot be understood.
    static func damage(_ error: any Error) -> JobStatus.Failure {
        .init(code: .damagedJob, message: "\(error): the job's own files are damaged; drop its manifest again")
    }

    func fail(_ status: inout JobStatus, _ folder: JobFolder, _ failure: JobStatus.Failure) {
        guard change(&status, to: .failed) else { return }
        failures += 1
        status.reason = nil
        status.finishedAt = Clock.wall()
        status.error = failure
        record(status, folder, .error, .failed, "Fine-tuning job failed: \(failure.message)")
        ended(status)
    }

    /// Tells the jobs that wait for this one. They may fail in turn; a long chain must not become a deep recursion.
    func ended(_ status: JobStatus) {
        ends.append(status)
        guard ends.count == 1 else { return }
        while let next = ends.last {
            for id in queue.ended(next.id, succeeded: next.state == .succeeded) {
                insist(on: "failing of \(id)") { daemon, tries in
                    if var dependent = try daemon.knownStatus(id, tries: tries) {
                        daemon.fail(&dependent, daemon.layout.job(id), Self.dependencyFailure(next.id))
                    }
                }
            }
            ends.removeAll { $0.id == next.id }
        }
    }

    static func dependencyFailure(_ id: String) -> JobStatus.Failure {
        .init(code: .dependencyFailed, message: "the job \(id), which this one comes after, did not succeed", param: "after")
    }
}
