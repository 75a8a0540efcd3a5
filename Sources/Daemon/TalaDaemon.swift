import Glibc
package import Jobs
import Manifest
import Spool
import Storage

/// The daemon: one thread, one loop over six parts, each with its own state. All state that matters
/// is in files; what is in memory is read from them at the start.
///
/// ``Intake`` takes drops, ``JobStore`` knows and writes jobs, ``Scheduler`` decides which is next,
/// ``WorkerSupervisor`` has the workers, ``Controls`` reads what users ask for, ``Reporter``
/// publishes how things are. ``Dispatch``, ``Settlement`` and ``JobControl`` are the steps between
/// them and hold nothing.
package final class TalaDaemon {
    private let configuration: Configuration
    private let journal = Journal()
    private let retries: Retries
    private let users: Users
    private let store: JobStore
    private let intake: Intake
    private let sweeps: SweepKeeper
    private let scheduler: Scheduler
    private let supervisor: WorkerSupervisor
    private let plans = KnownPlans()
    private let controls: Controls
    private let deployments: DeploymentKeeper
    private let reporter: Reporter
    private var useCounter: UseCounter
    private var descriptors = DescriptorCheck()
    private let lock: FileLock
    private let mustStop: () -> Bool
    private let mustReload: () -> Bool

    /// - Parameters:
    ///   - mustStop: asked in every turn of the loop; true after SIGTERM.
    ///   - mustReload: likewise; true once after SIGHUP.
    /// - Throws: ``StartError``, ``StorageError``.
    package init(_ configuration: Configuration, mustStop: @escaping () -> Bool, mustReload: @escaping () -> Bool = { false }) throws {
        self.configuration = configuration
        self.mustStop = mustStop
        self.mustReload = mustReload
        let layout = configuration.layout
        for folder in [layout.root] + layout.folders where !FolderListing.exists(folder) {
            try Retries.persist(journal, mustStop) { try DurableFiles.makeFolder(folder) }
        }
        users = try Retries.persist(journal, mustStop) { try Users(layout, policyFile: configuration.policyFile) }
        guard let lock = try Retries.persist(journal, mustStop, { try FileLock(path: layout.lockFile, patience: 1) }) else {
            throw StartError.spoolIsTaken(layout.root)
        }
        self.lock = lock
        try Retries.persist(journal, mustStop) { try SpoolFormat.check(layout) }
        retries = Retries(journal)
        store = JobStore(layout, retries, journal)
        store.countsDisk = users.policy != nil
        sweeps = SweepKeeper(store, retries)
        scheduler = Scheduler(store, users, retries)
        supervisor = WorkerSupervisor(
            layout, devices: configuration.devices, kinds: configuration.deviceKinds, program: configuration.workerProgram,
            rankProgram: configuration.rankProgram, silenceLimit: configuration.silenceLimit, journal)
        let acceptance = Acceptance(
            layout: layout,
            resolver: ManifestResolver(layout: layout, named: configuration.spoolName, allowedRoots: configuration.allowedRoots),
            devices: configuration.devices)
        intake = Intake(
            layout, acceptance, settleSeconds: configuration.settleSeconds, abandonedSeconds: configuration.abandonedSeconds, retries,
            sweeps, journal)
        controls = Controls(store, users, retries)
        deployments = DeploymentKeeper(layout, users, journal)
        reporter = Reporter(
            version: configuration.version, daemonFile: layout.daemonFile, metricsFile: configuration.metricsFile,
            allowedRoots: configuration.allowedRoots, journal)
        useCounter = UseCounter(interval: configuration.countSeconds)
    }

    private var dispatch: Dispatch {
        Dispatch(
            store: store, scheduler: scheduler, supervisor: supervisor,
            launch: (users.policy?.launch ?? Launch()).within(configuration.allocation), plans: plans)
    }
    private var control: JobControl { JobControl(store: store, scheduler: scheduler, supervisor: supervisor) }
    private var admission: Admission {
        Admission(configuration: configuration, store: store, users: users, scheduler: scheduler, supervisor: supervisor, retries: retries)
    }

    /// Works until told to stop, or until nothing is left to do when draining.
    package func run() -> DaemonExit {
        let layout = configuration.layout
        let watch = SpoolWatch([layout.incoming, layout.control])
        do {
            try Recovery(
                store: store, scheduler: scheduler, intake: intake, sweeps: sweeps, retries: retries, notifier: reporter.notifier
            ).run(mustStop)
        } catch {
            journal.log(.error, "\(error): leaving")
            return .jobsUnreadable
        }
        intake.rescan(force: true)
        scheduler.lookForRoom()
        scheduler.lookForQuota()
        report(force: true)
        reporter.notifier.send("READY=1")
        journal.log(.information, "talad \(configuration.version) works on \(layout.root)")
        while true {
            if mustStop() { return shutDown() }
            if mustReload() { reload() }
            retries.runDue()
            if descriptors.passes(journal) {
                intake.take(submitter: users.submitter, admission.judges, admission.note)
                controls.run(control.apply)
                deployments.look()
            }
            superviseWorkers()
            sweeps.look()
            useCounter.count(supervisor, store, scheduler)
            dispatch.startWork()
            report()
            if configuration.drains, isDone { return drainExit }
            let changes = watch.wait(milliseconds: pauseMilliseconds, others: supervisor.workers.map(\.descriptor))
            intake.note(changes)
            if changes.overflowed { journal.log(.notice, "more happened in the spool than the kernel keeps: looking through all of it") }
            if intake.rescan(force: changes.overflowed) {
                scheduler.lookForRoom()
                scheduler.lookForQuota()
            }
        }
    }

    private var isDone: Bool { supervisor.workers.isEmpty && !scheduler.hasDue && retries.isEmpty && intake.isDone }

    private var drainExit: DaemonExit {
        if store.failureCount > 0 { return .jobFailed }
        return scheduler.waitingForRoom.isEmpty ? .done : .waitsForRoom
    }

    private func superviseWorkers() {
        let settlement = Settlement(store, scheduler, RetryPolicy(delays: configuration.retryDelays))
        for ended in supervisor.poll() { settlement.settle(ended) }
    }

    /// How long the loop may sleep: workers that end and drops that come wake it.
    private var pauseMilliseconds: Int32 {
        if intake.isWaiting { return 50 }
        if let due = retries.nextDue { return Int32(min(200, max(10, (due - Clock.monotonic()) * 1000))) }
        return supervisor.workers.isEmpty && scheduler.validations.isEmpty && scheduler.queue.isEmpty ? 1000 : 200
    }

    private func reload() {
        reporter.notifier.reloading()
        do {
            try users.reload()
            store.countsDisk = users.policy != nil
            journal.log(.information, "read the policy again")
        } catch {
            journal.log(.error, "the policy stays as it was: \(error)")
        }
        reporter.notifier.send("READY=1")
    }

    /// Asks the workers for checkpoints and waits until they have left.
    private func shutDown() -> DaemonExit {
        reporter.notifier.send("STOPPING=1")
        journal.log(.information, "leaving")
        scheduler.close()
        supervisor.sendToAll(SIGTERM)
        let start = Clock.monotonic()
        while !supervisor.workers.isEmpty {
            if Clock.monotonic() - start > configuration.shutdownSeconds { supervisor.sendToAll(SIGKILL) }
            superviseWorkers()
            retries.runDue()
            report()
            usleep(20_000)
        }
        // What could not be written until now is tried for a little while longer; the files then
        // say what they said before.
        while !retries.isEmpty, Clock.monotonic() - start < min(5, configuration.shutdownSeconds) {
            retries.runDue()
            usleep(20_000)
        }
        report(force: true)
        return .done
    }

    private func report(force: Bool = false) {
        reporter.report(force: force) {
            var facts = Reporter.Facts()
            facts.devices = supervisor.devices.map { ($0.selector, $0.worker?.job ?? $0.helps) }
            facts.running = supervisor.devices.compactMap { slot in
                slot.worker.flatMap { store.folder($0.job).status() }.map { (slot.selector, $0) }
            }
            // Whether a job is still validated or already trains, its worker says itself.
            for (_, status) in facts.running { store.noteWork(status) }
            facts.checked = supervisor.checkers.map(\.job)
            facts.queuedCount = scheduler.queue.count
            facts.validatingCount = scheduler.validations.count
            facts.queued = scheduler.queue.some(100)
            facts.states = store.registry.counts
            facts.trainedTokens = store.registry.trainedTokens
            facts.acceptedCount = intake.acceptedCount
            facts.rejectedCount = intake.rejectedCount
            facts.isStopping = scheduler.isClosed
            return facts
        }
    }
}
