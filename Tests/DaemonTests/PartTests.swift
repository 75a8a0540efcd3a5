import Foundation
import Glibc
import JSON
import Jobs
import Manifest
import Spool
import Storage
import Testing

@testable import Daemon

/// The daemon's parts, each alone: none of these tests has a daemon, and none has a part that it
/// does not name.
@Suite(.serialized) struct PartTests {
    /// A spool's folders without anything that works on them.
    struct Place {
        let spool: TestSpool
        let journal = Journal()
        let retries: Retries
        let store: JobStore

        init() throws {
            spool = try TestSpool(worker: "exit 0")
            retries = Retries(journal)
            store = JobStore(spool.layout, retries, journal)
        }

        /// An accepted job, validated if that is said.
        func job(_ state: JobState = .queued, owner: Int = Int(getuid()), text: String = TestSpool.manifest) throws -> JobStatus {
            let id = JobIdentifier.job(milliseconds: 1_700_000_000_000)
            let folder = spool.layout.job(id)
            try FileManager.default.createDirectory(atPath: folder.controls, withIntermediateDirectories: true)
            let manifest = try Manifest(ManifestText(Array(text.utf8), isYAML: true))
            try DurableFiles.replace(folder.manifestFile, with: JSONWriter().string(manifest.json))
            let acceptance = JobAcceptance(
                createdAt: 5, owner: owner, modelPath: "/m", trainingPath: spool.layout.files + "/t.jsonl", validationPath: nil,
                initialAdapterPath: nil)
            try DurableFiles.replace(folder.acceptanceFile, with: JSONWriter().string(acceptance.json))
            if state != .validatingFiles { try DurableFiles.replace(folder.validationFile, with: "{}") }
            var status = JobStatus(id: id, state: state, createdAt: 5, manifest: manifest)
            status.owner = owner
            try folder.write(status)
            store.note(status)
            return status
        }

        func scheduler(policy: String? = nil) throws -> Scheduler {
            var file: String?
            if let policy {
                let path = spool.layout.root + "/policy.yaml"
                try DurableFiles.replace(path, with: policy)
                file = path
            }
            return Scheduler(store, try Users(spool.layout, policyFile: file), retries)
        }
    }

    // MARK: JobStore

    @Test func aStoreTakesOnlyTheStepsOfAJobsLife() throws {
        let place = try Place()
        defer { place.spool.remove() }
        var status = try place.job(.succeeded)
        let before = try DurableFiles.read(place.spool.layout.job(status.id).ledgerFile)
        #expect(!place.store.change(&status, to: .running) && status.state == .succeeded)
        #expect(try DurableFiles.read(place.spool.layout.job(status.id).ledgerFile) == before)
    }

    @Test func whatCannotBeWrittenCountsAndIsWrittenLater() throws {
        let place = try Place()
        defer { place.spool.remove() }
        var status = try place.job(.queued)
        let folder = place.spool.layout.job(status.id)
        #expect(place.store.change(&status, to: .paused))
        try FullDisk.during { place.store.record(status, .info, .paused, "Paused") }
        #expect(place.store.isPending(status.id) && folder.status()?.state == .queued)
        #expect(try place.store.status(status.id)?.state == .paused && place.store.registry.counts[.paused] == 1)
        for _ in 0..<100 where place.store.isPending(status.id) {
            usleep(20_000)
            place.retries.runDue()
        }
        #expect(try folder.ledger() == .found(status.ledger) && folder.status()?.state == .paused)
        #expect(place.spool.events(status.id).contains("\"code\":\"paused\""))
    }

    /// File operations that need room fail.
    enum FullDisk {
        struct Files: FileSystem {
            let real = CurrentFileSystem.value
            func perform(_ operation: FileOperation) throws(StorageError) -> Int {
                if case .write(_, _, let path) = operation { throw StorageError(operation: "write", path: path, errorNumber: ENOSPC) }
                return try real.perform(operation)
            }
            func names(in folder: String) throws(StorageError) -> [String] { try real.names(in: folder) }
        }
        static func during(_ body: () throws -> Void) throws { try CurrentFileSystem.$override.withValue(Files(), operation: body) }
    }

    // MARK: Intake

    @Test func intakeMakesJobsAndRejectionsOfDrops() throws {
        let place = try Place()
        defer { place.spool.remove() }
        let layout = place.spool.layout
        let intake = Intake(
            layout, Acceptance(layout: layout, resolver: ManifestResolver(layout: layout, allowedRoots: []), devices: ["cpu"]),
            settleSeconds: 0,
            abandonedSeconds: 1000, place.retries, SweepKeeper(place.store, place.retries), place.journal)
        try place.spool.drop("a.yaml")
        try place.spool.drop("b.yaml", "model: nothing\ntraining_file: t.jsonl\n")
        #expect(!intake.isDone && intake.rescan(force: true))
        var refusals = 0
        let judges = Acceptance.Judges(
            refusal: { _, _ in
                refusals += 1
                return nil
            }, mayUseAll: { _ in false }, state: { _ in nil }, prices: { _ in nil })
        var results: [String] = []
        intake.take(submitter: { Submitter(user: UInt32(truncatingIfNeeded: $0)) }, judges) { result in
            switch result {
            case .accepted(let status, _): results.append(status.state.rawValue)
            case .rejected(let name, _, _): results.append(name)
            case .swept(_, let jobs): results += jobs.map { $0.0.state.rawValue }
            case .gone, .stillWritten: break
            }
        }
        #expect(results.sorted() == ["b.yaml", "validating_files"] && refusals == 2 && intake.isDone)
        #expect(intake.acceptedCount == 1 && intake.rejectedCount == 1)
        let folder = layout.job(try #require(place.spool.ids.first))
        #expect(try folder.ledger() == .found(Ledger(state: .validatingFiles)))
    }

    // MARK: Scheduler

    @Test func aSchedulerGivesDevicesWhatTheyServeAndPutsTheRestBack() throws {
        let place = try Place()
        defer { place.spool.remove() }
        let scheduler = try place.scheduler()
        let any = try place.job()
        let card = try place.job(text: TestSpool.manifest + "device: vulkan:0\n")
        scheduler.enqueue(any)
        scheduler.enqueue(card)
        #expect(scheduler.next(for: "cpu", running: { _ in 0 })?.id == any.id)
        #expect(scheduler.next(for: "cpu", running: { _ in 0 }) == nil)
        let entry = try #require(scheduler.next(for: "vulkan:0", running: { _ in 0 }))
        #expect(entry.id == card.id && !scheduler.hasDue)
        scheduler.requeue(entry, .run, after: 0)
        #expect(scheduler.next(for: "vulkan:0", running: { _ in 0 })?.id == card.id)
        // A job whose files are not validated waits for that, and needs no device.
        let fresh = try place.job(.validatingFiles)
        scheduler.enqueue(fresh)
        guard case .validate(let next) = scheduler.nextCheck(mayHaveOne: { _ in true }) else {
            Issue.record("nothing to validate")
            return
        }
        #expect(next.id == fresh.id)
    }

    @Test func aPausedJobIsResumedToWhereItWaitsAndGrantsAreCountedFromThere() throws {
        let place = try Place()
        defer { place.spool.remove() }
        let scheduler = try place.scheduler()
        var status = try place.job()
        scheduler.pause(&status)
        #expect(status.state == .paused && status.reason == .requested && scheduler.waitingForRoom.isEmpty)
        status.reason = .timeLimit
        status.usage.add(deviceSeconds: 9, trainedTokensInAll: 4, month: "2026-11")
        scheduler.resume(&status)
        #expect(status.state == .queued && status.reason == nil && status.grantedUsage == status.usage.total)
        #expect(scheduler.next(for: "cpu", running: { _ in 0 })?.id == status.id)
        // Room on the disk lets a job go on by itself.
        status = try place.job(.paused)
        status.reason = .diskFull
        try place.spool.layout.job(status.id).write(status)
        scheduler.admit(status)
        #expect(scheduler.waitingForRoom == [status.id])
        scheduler.lookForRoom()
        #expect(scheduler.waitingForRoom.isEmpty && place.store.registry.state(status.id) == .queued)
    }

    @Test func aSchedulerThatIsClosedQueuesNothing() throws {
        let place = try Place()
        defer { place.spool.remove() }
        let scheduler = try place.scheduler()
        scheduler.close()
        let job = try place.job()
        scheduler.enqueue(job)
        #expect(scheduler.isEmpty)
    }

    @Test func jobsAfterOneThatFailsFailWithIt() throws {
        let place = try Place()
        defer { place.spool.remove() }
        let scheduler = try place.scheduler()
        var first = try place.job()
        let second = try place.job(text: TestSpool.manifest + "after: [\(first.id)]\n")
        scheduler.enqueue(second)
        scheduler.fail(&first, .init(code: .notFinite, message: "m"))
        #expect(first.state == .failed && place.spool.layout.job(second.id).status()?.error?.code == .dependencyFailed)
        #expect(place.store.failureCount == 2 && scheduler.isEmpty)
    }

    // MARK: WorkerSupervisor

    @Test func aSupervisorStartsAWorkerADeviceAndSaysHowEachEnded() throws {
        let place = try Place()
        defer { place.spool.remove() }
        try DurableFiles.replace(place.spool.workerPath, with: "#!/bin/sh\n[ $1 = validate ] && exit 4; exit 9\n", mode: 0o755)
        chmod(place.spool.workerPath, 0o755)
        let supervisor = WorkerSupervisor(
            place.spool.layout, devices: ["cpu", "vulkan:0"], program: place.spool.workerPath, silenceLimit: 60, place.journal)
        let (training, checked) = (try place.job(), try place.job(.validatingFiles))
        #expect(supervisor.train(training.id, owner: 7, onDevice: 1) == nil && supervisor.isTraining(training.id))
        #expect(supervisor.check(.validate, checked.id, owner: 7, device: "cpu") == nil && supervisor.hasInHand(checked.id))
        #expect(supervisor.running(of: 7) == 1 && supervisor.devices.map { $0.worker == nil } == [true, false])
        var ends: [String: WorkerProcess.End] = [:]
        for _ in 0..<1000 where ends.count < 2 {
            for ended in supervisor.poll() { ends[ended.worker.job] = ended.end }
            usleep(10_000)
        }
        #expect(ends == [training.id: .unknownExit(9), checked.id: .exited(.paused)] && supervisor.workers.isEmpty)
    }

    @Test func aProgramThatIsNotThereIsNotStartedAgainAtOnce() throws {
        let place = try Place()
        defer { place.spool.remove() }
        let supervisor = WorkerSupervisor(place.spool.layout, devices: ["cpu"], program: "/nowhere", silenceLimit: 60, place.journal)
        #expect(supervisor.mayStart)
        let job = try place.job()
        let problem = supervisor.train(job.id, owner: 7, onDevice: 0)
        #expect(problem?.errorNumber == ENOENT && !supervisor.mayStart && supervisor.startFailures.count == 1)
        #expect(supervisor.workers.isEmpty)
    }

    @Test func aWorkerThatOnlyChecksIsEndedAtOnce() throws {
        let place = try Place()
        defer { place.spool.remove() }
        try DurableFiles.replace(place.spool.workerPath, with: "#!/bin/sh\nexec sleep 600\n", mode: 0o755)
        chmod(place.spool.workerPath, 0o755)
        let supervisor = WorkerSupervisor(
            place.spool.layout, devices: ["cpu"], program: place.spool.workerPath, silenceLimit: 60, place.journal)
        let job = try place.job(.validatingFiles)
        #expect(supervisor.check(.validate, job.id, owner: 7, device: "cpu") == nil)
        supervisor.stopCheck(of: "another")
        #expect(supervisor.hasInHand(job.id))
        supervisor.stopCheck(of: job.id)
        #expect(!supervisor.hasInHand(job.id) && supervisor.poll().isEmpty)
    }

    // MARK: Controls

    @Test func controlsHandOnWhatTheOwnerAsksForAndTakeTheFileAway() throws {
        let place = try Place()
        defer { place.spool.remove() }
        let controls = Controls(place.store, try Users(place.spool.layout, policyFile: nil), place.retries)
        let status = try place.job()
        for word in ["pause", "dance"] { try place.spool.ask(word, status.id) }
        try DurableFiles.replace(place.spool.layout.control + "/nonsense", with: "")
        var asked: [Verb] = []
        controls.run { verb, _ in asked.append(verb) }
        #expect(asked == [.pause])
        #expect(try FolderListing.names(in: place.spool.layout.control).isEmpty)
    }

    @Test func aControlFileStaysUntilWhatItAskedForIsWritten() throws {
        let place = try Place()
        defer { place.spool.remove() }
        let controls = Controls(place.store, try Users(place.spool.layout, policyFile: nil), place.retries)
        let scheduler = try place.scheduler()
        let status = try place.job()
        try place.spool.ask("cancel", status.id)
        var count = 0
        try FullDisk.during {
            for _ in 0..<3 {
                controls.run { _, status in
                    count += 1
                    scheduler.cancel(&status)
                }
            }
        }
        // Acted on once, and not forgotten.
        #expect(count == 1 && place.store.isPending(status.id))
        #expect(try FolderListing.names(in: place.spool.layout.control).count == 1)
        for _ in 0..<100 where !place.retries.isEmpty {
            usleep(20_000)
            place.retries.runDue()
        }
        #expect(try FolderListing.names(in: place.spool.layout.control).isEmpty)
        #expect(place.spool.layout.job(status.id).status()?.state == .cancelled)
    }

    // MARK: Reporter

    @Test func aReporterWritesEveryOtherSecondAndAsksForNothingBetween() throws {
        let place = try Place()
        defer { place.spool.remove() }
        let reporter = Reporter(version: "1", daemonFile: place.spool.layout.daemonFile, metricsFile: nil, place.journal)
        var asked = 0
        for _ in 0..<5 {
            reporter.report {
                asked += 1
                var facts = Reporter.Facts()
                facts.states = [.paused: 3]
                facts.queuedCount = 7
                return facts
            }
        }
        let node = try JSONParser().parse(DurableFiles.read(place.spool.layout.daemonFile))
        #expect(asked == 1 && node["states"]?["paused"]?.integer == 3 && node["queued_count"]?.integer == 7)
        #expect(node["state"]?.string == "running" && node["version"]?.string == "1")
    }

    /// A heartbeat means nothing after a power cut: an idle daemon leaves the disk asleep.
    @Test func anIdleDaemonSyncsNothing() throws {
        let spool = try TestSpool(worker: "exit 0")
        defer { spool.remove() }
        let counting = CountingFiles()
        let metrics = spool.layout.root + "/tala.prom"
        // The first run makes what a spool needs.
        #expect(try spool.drain() == 0)
        var reports: Set<Int> = []
        try CurrentFileSystem.$override.withValue(counting) {
            _ = try spool.run {
                $0.metricsFile = metrics
            } until: {
                if let beat = try JSONParser().parse(DurableFiles.read(spool.layout.daemonFile))["heartbeat"]?.integer {
                    reports.insert(beat)
                }
                return reports.count >= 4
            }
        }
        #expect(reports.count >= 4 && counting.syncs == 0, "\(counting.syncs) syncs in \(reports.count) reports")
    }

    final class CountingFiles: FileSystem, @unchecked Sendable {
        private let real = CurrentFileSystem.value
        private(set) var syncs = 0
        func perform(_ operation: FileOperation) throws(StorageError) -> Int {
            if case .sync = operation { syncs += 1 }
            return try real.perform(operation)
        }
        func names(in folder: String) throws(StorageError) -> [String] { try real.names(in: folder) }
    }
}
