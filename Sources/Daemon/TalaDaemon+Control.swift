import Glibc
import Jobs
import Spool
import Storage

extension TalaDaemon {
    /// Acts on the files in `control/`: `<job>.<verb>`, asked by whoever owns the file.
    ///
    /// A file is taken away after it has been acted on: what cannot be done now is done later, also by the next daemon.
    func control() {
        guard Clock.monotonic() >= controlAllowedAt else { return }
        do {
            for name in try FolderListing.names(in: layout.control) where !heldVerbs.contains(name) { try act(on: name) }
            troubles.control = 0
        } catch {
            troubles.control += 1
            if troubles.control & (troubles.control - 1) == 0 { journal.log(.error, "control/: \(error); trying again") }
            controlAllowedAt = Clock.monotonic() + min(5, Deferred.delay(tries: troubles.control))
        }
    }

    private func act(on name: String) throws {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let path = layout.control + "/" + name
        var information = stat()
        guard parts.count == 2, JobIdentifier.isJob(parts[0]), lstat(path, &information) == 0 else {
            if Claim.isCandidate(name) { FolderListing.delete(path) }
            return
        }
        // A hard link to somebody else's file would speak in that user's name.
        guard information.st_mode & S_IFMT == S_IFREG, information.st_nlink == 1 else { return FolderListing.delete(path) }
        let folder = layout.job(String(parts[0]))
        let known = try status(folder.id)
        defer { takeAway(name, of: folder.id) }
        guard var status = known else { return }
        let asker = Int(information.st_uid)
        guard may(asker, control: status) else {
            journal.log(
                .warning, "\(status.id): user \(asker) may not \(parts[1]) this job", .refusedControl,
                Journal.Subject(job: status.id, user: asker))
            try? EventLog(folder).append(
                .warn, .controlRefused, "User \(asker) asked to \(parts[1].prefix(16)) this job and may not", at: Clock.wall())
            return
        }
        act(String(parts[1]), on: &status, folder)
    }

    /// Removes a control file once what it asked for has been written down.
    private func takeAway(_ name: String, of id: String) {
        heldVerbs.insert(name)
        insist(on: "removing of control/\(name)") { daemon, _ in
            if daemon.unwritten[id] != nil || daemon.deferred.contains(Self.handing(name)) {
                throw StorageError(operation: "write down what came of", path: name, errorNumber: EAGAIN)
            }
            do throws(StorageError) { try DurableFiles.remove(daemon.layout.control + "/" + name) } catch {
                // What may not be removed is not looked at any more.
                if [EACCES, EPERM, EROFS].contains(error.errorNumber) { return }
                if !error.isMissing { throw error }
            }
            daemon.heldVerbs.remove(name)
        }
    }

    private static func handing(_ name: String) -> String { "handing on of control/\(name)" }

    /// A job is controlled by its owner and by whoever may control all.
    private func may(_ asker: Int, control status: JobStatus) -> Bool {
        guard let rights = authority.role(of: submitter(asker))?.rights else { return false }
        return rights.contains(.controlAny) || rights.contains(.controlOwn) && asker == status.owner
    }

    private func act(_ verb: String, on status: inout JobStatus, _ folder: JobFolder) {
        let isTraining = devices.contains { $0.worker?.job == status.id }
        let isInHand = isTraining || validator?.job == status.id
        switch verb {
        case "cancel" where !isTraining && !status.state.isFinal:
            stopValidation(of: status.id)
            obey(verb, &status, folder)
        case "pause" where !isTraining && (status.state == .queued || status.state == .validatingFiles):
            stopValidation(of: status.id)
            obey(verb, &status, folder)
        case "resume" where status.state == .paused: resume(&status, folder)
        case "cancel" where isTraining, "pause" where isTraining, "checkpoint" where isTraining:
            handOver(verb, status, folder)
        case "delete" where status.state.isFinal && !isInHand: delete(status, folder)
        default:
            journal.log(
                .notice, "\(status.id): \(verb) means nothing for a job that is \(status.state.rawValue)", nil,
                Journal.Subject(job: status.id))
        }
    }

    /// Gives a verb to the worker that trains a job. Until its first step is done it has nothing to keep and may be busy reading weights or compiling
    /// kernels, where it looks at no controls: then it is simply ended, and who asks for a checkpoint is told how things stand.
    private func handOver(_ verb: String, _ status: JobStatus, _ folder: JobFolder) {
        let hasNothingToKeep = folder.pulse?.phase.hasNothingToKeep ?? false
        let id = status.id
        if hasNothingToKeep, verb == "checkpoint" {
            let last = folder.checkpointNames.last
            let how =
                last.map { ": \($0) is already there, and no step has been done since" }
                ?? " and follows the first step: there is nothing to keep before"
            do { try EventLog(folder).append(.info, .checkpointNotNeeded, "A checkpoint was asked for" + how, at: Clock.wall()) } catch {
                journal.log(.error, "\(id): \(error)", nil, Journal.Subject(job: id))
            }
            if last != nil { return }
        }
        insist(on: Self.handing(id + "." + verb)) { daemon, _ in
            // A worker that has ended meanwhile has nothing left to do.
            guard daemon.devices.contains(where: { $0.worker?.job == id }) else { return }
            try DurableFiles.replace(folder.controls + "/" + verb, with: "")
        }
        if hasNothingToKeep, verb != "checkpoint" { devices.first { $0.worker?.job == status.id }?.worker?.send(SIGTERM) }
    }

    /// Cancels or pauses a job that no worker has in hand.
    func obey(_ verb: String, _ status: inout JobStatus, _ folder: JobFolder) {
        guard change(&status, to: verb == "cancel" ? .cancelled : .paused) else { return }
        forgetWaiting(status.id)
        let cause = folder.pauseCause
        folder.removeControl("cancel")
        folder.removeControl("pause")
        status.reason = .requested
        if verb == "cancel" {
            status.finishedAt = Clock.wall()
            // The export of a large checkpoint takes its time, which a worker has and this loop has not.
            let isExported = folder.isValidated && !folder.checkpointNames.isEmpty
            if isExported { status.reason = .exportingCheckpoint }
            record(status, folder, .info, .cancelled, "Fine-tuning job cancelled")
            folder.removeTokens()
            if isExported { salvages.append(status.id) }
            ended(status)
        } else {
            if let cause { pausedByQuota(&status, cause) }
            record(status, folder, .info, .paused, "Paused" + (cause.map { ": " + $0.message } ?? ""))
        }
    }

    func resume(_ status: inout JobStatus, _ folder: JobFolder) {
        if status.reason == .quotaExceeded, let excess = monthExcess(status.owner ?? 0) {
            return record(status, folder, .warn, .notResumed, "Not resumed: \(excess)")
        }
        guard change(&status, to: folder.stateOfWaiting) else { return }
        waitingForRoom.remove(status.id)
        waitingForQuota.remove(status.id)
        // What was used up is granted again.
        if status.reason?.grantsAnew == true { status.grantedUsage = status.usage.total }
        status.reason = nil
        status.crashes = nil
        for verb in ["pause", "checkpoint"] { folder.removeControl(verb) }
        record(status, folder, .info, .resumed, "Resumed: waiting for a device")
        enqueue(status)
    }

    private func forgetWaiting(_ id: String) {
        queue.remove(id)
        validations.remove(id)
        salvages.removeAll { $0 == id }
        waitingForRoom.remove(id)
        deferred.remove(Self.queueing(id))
        waitingForQuota.remove(id)
    }

    /// A worker that validates has nothing to keep: it is ended at once, and its end is awaited so that nobody writes into the job any more.
    private func stopValidation(of id: String) {
        guard let worker = validator, worker.job == id else { return }
        worker.send(SIGKILL)
        while worker.poll() == nil { usleep(1000) }
        validator = nil
    }

    private func delete(_ status: JobStatus, _ folder: JobFolder) {
        do {
            try DeletedUsage.add(status, layout)
            insist(on: "deletion of \(status.id)") { _, _ in
                if FolderListing.exists(folder.path) { try WholeFolder.remove(folder.path) }
            }
            registry.forget(status.id)
            registry.noteDeleted(status.owner ?? 0, status.usage)
            journal.log(.information, "\(status.id): deleted", nil, Journal.Subject(job: status.id))
        } catch {
            journal.log(.error, "\(status.id): cannot be deleted: \(error)", nil, Journal.Subject(job: status.id))
        }
    }

    /// Lets jobs go on that waited for room on a full disk.
    func lookForRoom() {
        guard !waitingForRoom.isEmpty else { return }
        var information = statvfs()
        guard statvfs(layout.jobs, &information) == 0 else { return }
        let free = UInt64(information.f_bavail).multipliedReportingOverflow(by: UInt64(information.f_frsize))
        for id in waitingForRoom.sorted() {
            let folder = layout.job(id)
            let known: JobStatus?
            do throws(StorageError) { known = try status(id) } catch { continue }
            guard var status = known, status.state == .paused, status.reason == .diskFull else {
                waitingForRoom.remove(id)
                continue
            }
            // Room for the next checkpoint, which is as large as the last one, and something over.
            let last = status.checkpoint.map { Registry.size(of: folder.checkpoints + "/" + $0) } ?? 0
            let needed = UInt64(max(status.neededBytes ?? 0, last)) &+ (32 << 20)
            if free.overflow || free.partialValue > needed {
                record(status, folder, .info, .roomAgain, "There is room on the disk again")
                resume(&status, folder)
            }
        }
    }
}
