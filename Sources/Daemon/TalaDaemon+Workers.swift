import Glibc
import JSON
import Jobs
import Spool
import Storage

extension TalaDaemon {
    /// Gives free devices and the free validator something to do.
    func startWork() {
        let now = Clock.monotonic()
        guard !isLeaving, now >= startsAllowedAt else { return }
        let wall = Clock.wall()
        for index in devices.indices where devices[index].worker == nil {
            let selector = devices[index].selector
            let next = queue.next(
                monotonic: now, wall: wall, device: { DeviceChoice.serves(selector, $0) },
                owner: { [self] in
                    guard let allowed = authority.role(of: submitter($0))?.quotas.runningJobs else { return true }
                    return running(of: $0) < allowed
                })
            guard let next else { continue }
            if let excess = monthExcess(next.owner) {
                pauseForQuota(next.id, excess)
            } else {
                devices[index].worker = start(.run, next, selector)
            }
        }
        guard validator == nil, now >= startsAllowedAt else { return }
        if let id = salvages.first {
            salvages.removeFirst()
            validator = startSalvage(id)
        } else if let next = validations.next(monotonic: now, wall: wall, device: { _ in true }, owner: { _ in true }) {
            validator = start(.validate, next, configuration.devices.first ?? "auto")
        }
    }

    func running(of owner: Int) -> Int { devices.count { $0.worker?.owner == owner } }

    private func start(_ task: WorkerProcess.Task, _ entry: Queue.Entry, _ device: String) -> WorkerProcess? {
        let folder = layout.job(entry.id)
        func again(after seconds: Double) {
            var entry = entry
            entry.retryAt = Clock.monotonic() + seconds
            if task == .run { queue.add(entry) } else { validations.add(entry) }
        }
        // A worker of a daemon that was killed may still be writing its last checkpoint.
        guard let lock = try? FileLock(path: folder.lockFile) else {
            again(after: 0.5)
            return nil
        }
        withExtendedLifetime(lock) {}
        // The worker goes by what the file says.
        guard unwritten[entry.id] == nil else {
            again(after: 0.2)
            return nil
        }
        var status: JobStatus
        do {
            guard let known = try knownStatus(entry.id, tries: troubles.starts) else {
                journal.log(
                    .error, "\(entry.id): status.json and manifest.json cannot be read; the job is left alone", nil,
                    Journal.Subject(job: entry.id))
                return nil
            }
            status = known
            if status.state.isFinal || status.state == .paused { return nil }
            if task == .run {
                status.attempts += 1
                try folder.write(status)
            }
        } catch {
            delayStarts("\(entry.id): \(error)")
            again(after: 0)
            return nil
        }
        guard let worker = spawn(task, entry.id, entry.owner, device) else {
            let problem = String(cString: strerror(errno))
            // It was no attempt.
            if task == .run { status.attempts -= 1 }
            if troubles.starts & (troubles.starts - 1) == 0 {
                record(status, folder, .warn, .workerNotStarted, "No worker could be started: \(problem); it is tried again")
            } else {
                keep(status)
            }
            again(after: 0)
            return nil
        }
        troubles.starts = 0
        // What the worker makes of it, it says itself; see ``heartbeat(force:)``.
        if change(&status, to: task == .run && folder.isValidated ? .running : .validatingFiles) { registry.note(status) }
        return worker
    }

    private func spawn(_ task: WorkerProcess.Task, _ job: String, _ owner: Int, _ device: String, _ extra: [String] = []) -> WorkerProcess?
    {
        let folder = layout.job(job)
        try? DurableFiles.remove(folder.pulseFile)
        let limits = StepWatchdog.Limits(minimum: configuration.silenceLimit, outsideSteps: max(3600, configuration.silenceLimit))
        let worker = WorkerProcess.start(
            task, program: configuration.workerProgram, job: job, owner: owner, folder: folder.path, device: device, extra: extra,
            watchdog: StepWatchdog(limits, now: awake))
        let subject = Journal.Subject(job: job, user: owner, device: device)
        guard let worker else {
            let problem = errno
            delayStarts("\(job): cannot start \(configuration.workerProgram): \(String(cString: strerror(problem)))")
            errno = problem
            return nil
        }
        journal.log(.information, "\(job): \(task.rawValue) begins (process \(worker.processID))", .started, subject)
        return worker
    }

    private func startSalvage(_ id: String) -> WorkerProcess? {
        let status: JobStatus?
        do throws(StorageError) {
            if unwritten[id] != nil { throw StorageError(operation: "write the status of", path: id, errorNumber: EAGAIN) }
            status = try self.status(id)
        } catch {
            delayStarts("\(id): \(error)")
            salvages.append(id)
            return nil
        }
        guard let status, status.reason == .givingUp || status.reason == .exportingCheckpoint else { return nil }
        let step = status.state == .cancelled ? [] : status.crashes?.step.map { ["--step", "\($0)"] } ?? []
        if let worker = spawn(.salvage, id, status.owner ?? 0, status.device ?? "auto", step) { return worker }
        // A program that is not there will not come; processes and memory may.
        if StorageError(operation: "start", path: id).isTransient { salvages.append(id) } else { salvaged(id) }
        return nil
    }

    /// Starts nothing for a while, longer each time: what one worker lacks the next one lacks too.
    private func delayStarts(_ why: String) {
        troubles.starts += 1
        let delay = Deferred.delay(tries: troubles.starts)
        startsAllowedAt = Clock.monotonic() + delay
        if troubles.starts & (troubles.starts - 1) == 0 { journal.log(.error, "\(why); trying again") }
    }

    // MARK: The ends of workers

    func supervise() {
        countAwake()
        for index in devices.indices {
            guard var worker = devices[index].worker else { continue }
            watch(&worker)
            if let death = worker.poll() {
                devices[index].worker = nil
                finished(worker, death)
            } else {
                devices[index].worker = worker
            }
        }
        guard var worker = validator else { return }
        watch(&worker)
        if let death = worker.poll() {
            validator = nil
            finished(worker, death)
        } else {
            validator = worker
        }
    }

    /// Ends a worker that has been silent for too long: first so that it says where it is, then for sure.
    private func watch(_ worker: inout WorkerProcess) {
        let now = awake
        if let since = worker.hungSince {
            if now - since > 10 { worker.send(SIGKILL) }
            return
        }
        let folder = layout.job(worker.job)
        let pulse = folder.pulse
        guard let silence = worker.watchdog.silence(pulse, now: now) else { return }
        worker.hungSince = now
        let place = pulse.map { $0.phase.isStep ? " in step \($0.step)" : " (\($0.phase.rawValue))" } ?? ""
        let message = "No sign of life for \(Int(silence)) s\(place): the worker is ended"
        try? EventLog(folder).append(.warn, .workerSilent, message, at: Clock.wall())
        journal.log(.warning, "\(worker.job): \(message)", .workerDied, Journal.Subject(job: worker.job, step: pulse?.step))
        worker.send(SIGQUIT)
    }

    private func finished(_ worker: WorkerProcess, _ death: (end: WorkerProcess.End, peakBytes: Int)) {
        insist(on: "end of the worker of \(worker.job)") { daemon, tries in try daemon.finished(worker, death, tries: tries) }
    }

    private func finished(_ worker: WorkerProcess, _ death: (end: WorkerProcess.End, peakBytes: Int), tries: Int) throws {
        let end = death.end
        let folder = layout.job(worker.job)
        guard var status = try knownStatus(worker.job, tries: tries) else {
            journal.log(
                .error, "\(worker.job): status.json and manifest.json cannot be read; the job is left alone", nil,
                Journal.Subject(job: worker.job))
            return
        }
        registry.note(status, diskBytes: authority.policy == nil ? nil : Registry.size(of: folder.path))
        // No other worker comes that would clear away what one that was killed in its last moment has left.
        if case .signalled = end, status.state.isFinal, let lock = try? FileLock(path: folder.lockFile) {
            withExtendedLifetime(lock) { folder.removeLitter() }
        }
        if worker.task == .salvage { return salvaged(worker.job) }
        if !status.state.isFinal, let verb = pendingVerb(folder) { return obey(verb, &status, folder) }
        // The job's own last word counts: a worker may die after it has written how the job ended.
        switch status.state.isFinal ? WorkerProcess.End.exited(.succeeded) : end {
        case .exited(.succeeded) where worker.task == .validate && status.state == .queued: validated(&status, folder)
        case .exited(.succeeded), .exited(.failed), .exited(.cancelled), .exited(.paused):
            guard status.state.isFinal || status.state == .paused else {
                return crashed(&status, folder, worker, "the worker ended without a result", mayBeFromOutside: false)
            }
            if status.state == .failed { failures += 1 }
            if status.state == .paused, status.reason == .diskFull { waitingForRoom.insert(status.id) }
            if status.state == .paused, status.reason == .quotaExceeded { waitingForQuota.insert(status.id) }
            journal.log(
                .information, "\(status.id): \(status.state.rawValue)", .ended,
                Journal.Subject(job: status.id, step: status.progress.step, user: status.owner, device: status.device))
            if status.state.isFinal { ended(status) }
        case .exited(.diskFull):
            // No room even to write the status down, perhaps: the exit code says it as well.
            guard change(&status, to: .paused) else { return }
            status.reason = .diskFull
            waitingForRoom.insert(status.id)
            keep(status)
        case .exited(.deviceLost): crashed(&status, folder, worker, status.error?.message ?? "the device was lost", mayBeFromOutside: false)
        case .exited(.ranOut):
            crashed(&status, folder, worker, status.error?.message ?? "memory or descriptors ran out", mayBeFromOutside: true)
        case .exited(.stopped):
            guard change(&status, to: folder.stateOfWaiting) else { return }
            record(status, folder, .info, .waiting, "Waiting to go on")
            if !isLeaving { enqueue(status, retryAt: Clock.monotonic() + 0.2) }
        case .unknownExit(let code):
            crashed(&status, folder, worker, "the worker ended with exit code \(code)", mayBeFromOutside: false)
        case .signalled(let signal):
            let name = String(cString: strsignal(signal))
            let isOutside = [SIGKILL, SIGTERM, SIGINT, SIGHUP].contains(signal)
            if worker.hungSince != nil {
                crashed(&status, folder, worker, "the worker gave no sign of life and was ended", mayBeFromOutside: false)
            } else if signal == SIGKILL, let before = worker.memoryKills, let now = MemoryKills.count(), now > before {
                let what = "memory ran out and the kernel ended the worker" + MemoryKills.circumstances(peakBytes: death.peakBytes)
                crashed(&status, folder, worker, what, mayBeFromOutside: false)
            } else if isLeaving, isOutside {
                guard change(&status, to: folder.stateOfWaiting) else { return }
                record(status, folder, .warn, .waiting, "The worker was ended while the daemon was leaving")
            } else {
                crashed(&status, folder, worker, "the worker was ended by signal \(signal) (\(name))", mayBeFromOutside: isOutside)
            }
        }
    }

    /// What was asked of a worker that ended before it could do it.
    private func pendingVerb(_ folder: JobFolder) -> String? {
        let verbs = folder.pendingControls
        return verbs.contains("cancel") ? "cancel" : verbs.contains("pause") ? "pause" : nil
    }

    private func validated(_ status: inout JobStatus, _ folder: JobFolder) {
        let tokens = (try? folder.validation())?["trained_tokens"]?.integer
        if let tokens, let owner = status.owner, let role = authority.role(of: submitter(owner)),
            let excess = Quotas.excess(tokens: tokens, use(of: owner), role.quotas, role: role.name)
        {
            return fail(&status, folder, .init(code: .quotaExceeded, message: excess))
        }
        journal.log(.information, "\(status.id): files validated", nil, Journal.Subject(job: status.id, user: status.owner))
        if !isLeaving { enqueue(status) }
    }

    /// A worker that died is started again from the newest checkpoint: with growing delays, and not for ever at one place.
    private func crashed(
        _ status: inout JobStatus, _ folder: JobFolder, _ worker: WorkerProcess, _ what: String, mayBeFromOutside: Bool
    ) {
        let pulse = folder.pulse
        let step = pulse.flatMap { $0.phase.isStep ? $0.step : nil }
        let checkpoint = folder.checkpointNames.last.flatMap { CheckpointRecord.step(ofFolder: $0) } ?? 0
        var crashes = status.crashes ?? CrashRecord()
        let decision = RetryPolicy(delays: configuration.retryDelays).decide(
            .init(step: step, checkpoint: checkpoint, mayBeFromOutside: mayBeFromOutside), &crashes)
        status.crashes = crashes
        let place = step.map { " in step \($0)" } ?? (folder.isValidated ? " before the first step" : " while it validated the files")
        let subject = Journal.Subject(job: status.id, step: step, user: status.owner, device: worker.device)
        journal.log(.warning, "\(status.id): \(what)\(place)", .workerDied, subject)
        let from = checkpoint > 0 ? " from \(CheckpointRecord.folderName(step: checkpoint))" : " from the beginning"
        switch decision {
        case .retry(let delay):
            guard change(&status, to: folder.stateOfWaiting) else { return }
            status.error = nil
            record(status, folder, .warn, .retrying, "\(what)\(place) on \(worker.device); trying again in \(Int(delay)) s\(from)")
            if !isLeaving { enqueue(status, retryAt: Clock.monotonic() + delay) }
        case .giveUp: giveUp(&status, folder, "\(what)\(place) on \(worker.device), \(crashes.count) times without progress")
        case .poisoned(let step): giveUp(&status, folder, "\(what) in step \(step) on \(worker.device), twice in the same step")
        }
    }

    /// Ends a job that gets no further try; its last checkpoint is exported first, if it has one.
    private func giveUp(_ status: inout JobStatus, _ folder: JobFolder, _ what: String) {
        let last = folder.checkpointNames.last
        let place = last.map { "; the last complete checkpoint is checkpoints/\($0)" } ?? ""
        let failure = JobStatus.Failure(code: status.error?.code ?? .workerCrashed, message: what + place)
        guard folder.isValidated, last != nil || status.crashes?.step != nil else { return fail(&status, folder, failure) }
        guard change(&status, to: .queued) else { return }
        status.reason = .givingUp
        status.error = failure
        record(status, folder, .warn, .givenUp, "No further try: \(what)")
        salvages.append(status.id)
    }

    /// The salvage is over, whatever came of it: the job has failed.
    private func salvaged(_ id: String) {
        insist(on: "end of the salvage of \(id)") { daemon, tries in try daemon.salvaged(id, tries: tries) }
    }

    private func salvaged(_ id: String, tries: Int) throws {
        let folder = layout.job(id)
        guard var status = try knownStatus(id, tries: tries) else { return }
        if status.state == .cancelled {
            guard status.reason == .exportingCheckpoint else { return registry.note(status) }
            status.reason = .requested
            return record(status, folder, .warn, .exportFailed, "The last checkpoint could not be exported; it is still in checkpoints/")
        }
        if status.state == .failed {
            failures += 1
            registry.note(status)
            ended(status)
        } else {
            fail(&status, folder, status.error ?? .init(code: .workerCrashed, message: "the worker died again and again"))
        }
        journal.log(.information, "\(id): failed", .ended, Journal.Subject(job: id, user: status.owner, device: status.device))
    }
}
