import Glibc
import Jobs
import Manifest
import Spool
import Storage

/// Starts worker processes, one a device and two for checks, watches them for signs of life, and
/// says which have ended.
final class WorkerSupervisor {
    /// A device and the worker that has it.
    struct DeviceSlot {
        let selector: String
        /// What of the device must be that of another for both to carry one job; nil: unknown.
        var kind: String?
        var worker: WorkerProcess?
        /// The job that has the device beside another one, where its worker is.
        var helps: String?

        var isFree: Bool { worker == nil && helps == nil }
    }
    /// A worker that has ended.
    struct Ended {
        let worker: WorkerProcess
        let end: WorkerProcess.End
        /// The most memory that it held at a time.
        let peakBytes: Int
    }
    private let layout: SpoolLayout
    private let journal: Journal
    private let program: String
    private let rankProgram: String?
    private let limits: StepWatchdog.Limits
    private(set) var devices: [DeviceSlot]
    /// The workers that validate files or salvage jobs that are given up; they need no device of
    /// their own.
    private(set) var checkers: [WorkerProcess] = []
    /// How many of these run at a time. There are two, and an owner has one of them at most: a slow
    /// validation does not hold up another owner's job.
    static let checkerLimit = 2
    private var starts = FailureCount()
    /// Seconds in which this daemon was awake. While a machine sleeps or a debugger holds the
    /// daemon, workers cannot show a sign of life either.
    private var awake = 0.0
    private var lastTurn = Clock.monotonic()

    /// - Parameters:
    ///   - program: the worker's.
    ///   - rankProgram: that of one of several processes; nil where there is none.
    ///   - silenceLimit: seconds without a sign of life after which a training worker counts as
    ///     hung, at least.
    ///   - kinds: of the devices that are known better than by their word.
    init(
        _ layout: SpoolLayout, devices: [String], kinds: [String: String] = [:], program: String, rankProgram: String? = nil,
        silenceLimit: Double, _ journal: Journal
    ) {
        self.layout = layout
        self.journal = journal
        (self.program, self.rankProgram) = (program, rankProgram)
        limits = StepWatchdog.Limits(minimum: silenceLimit, outsideSteps: max(3600, silenceLimit))
        self.devices = devices.map { DeviceSlot(selector: $0, kind: kinds[$0]) }
    }

    var workers: [WorkerProcess] { devices.compactMap(\.worker) + checkers }
    /// Whether a worker may be started now: what one lacked a moment ago the next one lacks too.
    var mayStart: Bool { starts.isAllowed }
    /// Whether one more check may be started now.
    var mayCheck: Bool { checkers.count < Self.checkerLimit && mayStart }
    /// Failures to start a worker in a row.
    var startFailures: FailureCount { starts }

    func running(of owner: Int) -> Int { devices.count { $0.worker?.owner == owner } }
    func isTraining(_ job: String) -> Bool { devices.contains { $0.worker?.job == job } }
    func hasInHand(_ job: String) -> Bool { isTraining(job) || checkers.contains { $0.job == job } }
    func isChecking(for owner: Int) -> Bool { checkers.contains { $0.owner == owner } }

    // MARK: Starting

    /// Starts a worker that trains.
    /// - Parameters:
    ///   - index: of a free device.
    ///   - choice: the processes that carry the job; nil: one.
    /// - Returns: nil if it runs, else why it does not.
    func train(_ job: String, owner: Int, onDevice index: Int, by choice: GangChoice? = nil) -> StorageError? {
        spawn(.run, job, owner, devices[index].selector, gang: choice?.gang) { worker in
            devices[index].worker = worker
            if let choice {
                devices[index].worker?.processes = choice.gang.processes
                devices[index].worker?.here = choice.here
            }
            for other in choice?.helpers ?? [] { devices[other].helps = job }
        }
    }

    /// What carries a job whose turn it is on a free device; nil: one process.
    /// - Parameters:
    ///   - whenAllAreFree: whether to answer as if no device had anything to do.
    ///   - hasRoom: as of ``GangChoice``.
    func gang(
        for entry: Queue.Entry, from index: Int, _ launch: Launch, whenAllAreFree: Bool = false,
        hasRoom: (_ here: Int, _ processes: Int) -> Bool = { _, _ in true }
    ) -> GangChoice? {
        guard let rankProgram else { return nil }
        var slots = devices
        if whenAllAreFree { for place in slots.indices { (slots[place].worker, slots[place].helps) = (nil, nil) } }
        return GangChoice(for: entry, from: index, of: slots, program: rankProgram, launch, hasRoom: hasRoom)
    }

    /// Starts a worker that needs no device.
    /// - Returns: nil if it runs, else why it does not.
    func check(_ task: WorkerProcess.Task, _ job: String, owner: Int, device: String, _ extra: [String] = []) -> StorageError? {
        spawn(task, job, owner, device, extra) { checkers.append($0) }
    }

    private func spawn(
        _ task: WorkerProcess.Task, _ job: String, _ owner: Int, _ device: String, _ extra: [String] = [], gang: WorkerProcess.Gang? = nil,
        _ keep: (WorkerProcess) -> Void
    ) -> StorageError? {
        let folder = layout.job(job)
        folder.removePulse()
        var limits = limits
        // A launcher can be left over without processes: Open MPI's, if they die while they
        // connect. Slurm's may wait for its turn first.
        limits.beforeFirstSign = gang?.launch.launcher == .mpirun ? limits.minimum : limits.outsideSteps
        let worker = WorkerProcess.start(
            task, program: program, job: job, owner: owner, folder: folder.path, device: device, extra: extra, gang: gang,
            watchdog: StepWatchdog(limits, now: awake))
        guard let worker else {
            let error = StorageError(operation: "start", path: gang?.program ?? program, errorNumber: errno)
            noteStartFailure("\(job): \(error)")
            return error
        }
        starts.succeeded()
        journal.log(
            .information,
            "\(job): \(task.rawValue) begins (process \(worker.processID)\(gang.map { ", the launcher of \($0.processes)" } ?? ""))",
            .started,
            Journal.Subject(job: job, user: owner, device: device))
        keep(worker)
        return nil
    }

    /// Starts nothing for a while, longer each time.
    func noteStartFailure(_ why: String) { if starts.failed() { journal.log(.error, "\(why); trying again") } }

    // MARK: Watching

    /// Ends workers that hang.
    /// - Returns: those that have ended since the last call.
    func poll() -> [Ended] {
        countAwake()
        var ended: [Ended] = []
        for index in devices.indices {
            guard let end = poll(&devices[index].worker) else { continue }
            ended.append(end)
            for other in devices.indices where devices[other].helps == end.worker.job { devices[other].helps = nil }
        }
        checkers = checkers.compactMap { checker in
            var slot: WorkerProcess? = checker
            if let end = poll(&slot) { ended.append(end) }
            return slot
        }
        return ended
    }

    private func poll(_ slot: inout WorkerProcess?) -> Ended? {
        guard var worker = slot else { return nil }
        watch(&worker)
        let death = worker.poll()
        slot = death == nil ? worker : nil
        guard let death else { return nil }
        return Ended(worker: worker, end: death.end, peakBytes: death.peakBytes)
    }

    /// Counts the time since the last turn of the loop, of which there are several a second when
    /// all is well.
    private func countAwake() {
        let now = Clock.monotonic()
        awake += min(5, max(0, now - lastTurn))
        lastTurn = now
    }

    /// Ends a worker that has been silent or stopped for too long: first so that it says where it
    /// is, then for sure. A launcher shows no sign of life of its own: its processes do.
    private func watch(_ worker: inout WorkerProcess) {
        let now = awake
        if let since = worker.hungSince {
            if now - since > 10 { worker.send(SIGKILL) }
            return
        }
        let folder = layout.job(worker.job)
        let pulse = folder.pulse
        worker.stoppedSince = worker.isStopped ? worker.stoppedSince ?? now : nil
        let stop = worker.stoppedSince.map { now - $0 }.flatMap { $0 > limits.minimum ? $0 : nil }
        guard let silence = stop ?? worker.watchdog.silence(pulse, now: now) else { return }
        worker.hungSince = now
        let place = pulse.map { $0.phase.isStep ? " in step \($0.step)" : " (\($0.phase.rawValue))" } ?? ""
        let subject = worker.isLauncher ? "the launcher" : "the worker"
        let message =
            stop == nil
            ? "No sign of life for \(Int(silence)) s\(place): \(subject) is ended"
            : "A signal has stopped \(subject) for \(Int(silence)) s\(place): it is ended"
        try? EventLog(folder).append(.warn, .workerSilent, message, at: Clock.wall())
        journal.log(.warning, "\(worker.job): \(message)", .workerDied, Journal.Subject(job: worker.job, step: pulse?.step))
        worker.send(SIGQUIT)
    }

    // MARK: Ending

    func send(_ signal: Int32, toTrainerOf job: String) { devices.first { $0.worker?.job == job }?.worker?.send(signal) }

    func sendToAll(_ signal: Int32) { for worker in workers { worker.send(signal) } }

    /// A worker that validates has nothing to keep: it is ended at once, and its end is awaited so
    /// that no process writes into the job afterwards.
    /// - Returns: how it ended; nil if the job is not checked.
    @discardableResult
    func stopCheck(of job: String) -> Ended? {
        guard let index = checkers.firstIndex(where: { $0.job == job }) else { return nil }
        var worker = checkers.remove(at: index)
        worker.send(SIGKILL)
        while true {
            if let death = worker.poll() { return Ended(worker: worker, end: death.end, peakBytes: death.peakBytes) }
            usleep(1000)
        }
    }

    /// Asks the job of a device to pause, once.
    func notePause(onDevice index: Int) { devices[index].worker?.isPauseRequested = true }
}
