import Glibc
import Jobs
import Spool
import Storage

extension TalaDaemon {
    /// Takes what is complete, for a moment: a flood of drops must not keep the loop from its workers.
    func takeDrops() {
        let start = Clock.monotonic()
        guard start >= dropsAllowedAt else { return }
        while Clock.monotonic() - start < 0.2 {
            guard let found = drops.take() else { return }
            let milliseconds = Clock.wallMilliseconds()
            let id = JobIdentifier.job(milliseconds: nextIdentifier())
            do {
                switch found {
                case .complete(let name):
                    let result = try acceptance.take(name, id: id, milliseconds: milliseconds, submitter: submitter, judges)
                    if case .stillWritten = result {
                        insist(on: "giving back of \(id)") { daemon, _ in try daemon.giveBack(id, name: name) }
                    }
                    note(result, name)
                case .abandoned(let name): note(try acceptance.abandon(name, milliseconds: milliseconds), name)
                }
                troubles.drops = 0
            } catch {
                // The drop is not lost because the spool is in trouble: it waits where it was.
                troubles.drops += 1
                let delay = min(5, Deferred.delay(tries: troubles.drops))
                if troubles.drops & (troubles.drops - 1) == 0 { journal.log(.error, "cannot take \(found): \(error); trying again") }
                dropsAllowedAt = Clock.monotonic() + delay
                drops.wait(found)
                insist(on: "giving back of \(id)") { daemon, _ in try daemon.giveBack(id, name: found.name) }
                return
            }
        }
    }

    /// Undoes what was begun with a drop that has not become a job: the drop goes back into `incoming/`, the rest goes.
    /// - Parameter name: what it was called, if that is known.
    func giveBack(_ id: String, name: String? = nil) throws {
        let (claim, building) = (layout.claim(id), layout.building(id))
        // The job folder appears by one rename: if it is not there, the drop was not accepted yet.
        if !FolderListing.exists(layout.job(id).path) {
            // A bundle that had already moved into the job's folder goes back as well.
            for drop in [building + "/bundle", claim + "/drop", layout.incoming + "/" + Claim.takenPrefix + id]
            where FolderListing.exists(drop) {
                let suffix = FolderListing.isFolder(drop) ? "" : Self.suffix(ofManifest: drop)
                var target = name ?? "recovered-" + id + suffix
                if FolderListing.exists(layout.incoming + "/" + target) { target = "recovered-" + id.dropFirst(6) + "-" + target }
                try DurableFiles.rename(drop, to: layout.incoming + "/" + target)
                drops.completed(target, now: Clock.monotonic())
            }
        }
        for rest in [building, claim] where FolderListing.exists(rest) {
            FolderListing.delete(rest)
            if FolderListing.exists(rest) { throw StorageError(operation: "remove", path: rest, errorNumber: EIO) }
        }
    }

    private static func suffix(ofManifest path: String) -> String {
        guard let bytes = try? DurableFiles.read(path, limit: 1 << 20), let first = bytes.first(where: { $0 > 0x20 }) else {
            return ".json"
        }
        return first == UInt8(ascii: "{") ? ".json" : ".yaml"
    }

    /// Whether there are descriptors left for what a drop or a control file needs. A user must not be told "no" because a lookup found none.
    func hasDescriptors() -> Bool {
        var opened: [Int32] = []
        defer { for descriptor in opened { close(descriptor) } }
        for _ in 0..<8 {
            let descriptor = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                let error = StorageError(operation: "open", path: "/dev/null")
                if Clock.monotonic() - lastShortage > 60 { journal.log(.error, "\(error): drops and control files wait") }
                lastShortage = Clock.monotonic()
                return false
            }
            opened.append(descriptor)
        }
        return true
    }

    private func note(_ result: Acceptance.Result, _ name: String) {
        switch result {
        case .accepted(let status, let manifest):
            accepted += 1
            registry.note(status)
            if startsAtOnce(status, manifest) {
                queue.add(entry(status, manifest))
            } else {
                validations.add(Queue.Entry(id: status.id, owner: status.owner ?? 0, priority: status.priority))
            }
            journal.log(
                .information, "\(status.id): accepted from \(name)", .accepted, Journal.Subject(job: status.id, user: status.owner))
        case .rejected(let name, let owner, let message):
            rejected += 1
            failures += 1
            journal.log(.warning, "rejected \(name): \(message)", .rejected, Journal.Subject(user: owner))
        case .gone, .stillWritten: break
        }
    }

    /// Bytes of data that are read in a moment, so that a device may wait for their validation.
    private static let smallDataBytes = 32 << 20

    /// Whether the worker that validates a new job may go on and train it: a second process would read data and model once more. Only where nothing else
    /// waits, a device is free for it, and nothing but the files can keep it from starting.
    private func startsAtOnce(_ status: JobStatus, _ manifest: Manifest) -> Bool {
        guard configuration.startsAtOnce, queue.isEmpty, validations.isEmpty, salvages.isEmpty, manifest.notBefore == nil,
            manifest.after.isEmpty,
            devices.contains(where: { $0.worker == nil && DeviceChoice.serves($0.selector, manifest.device) })
        else { return false }
        let owner = status.owner ?? 0
        if let quotas = authority.role(of: submitter(owner))?.quotas {
            guard quotas.trainedTokensAMonth == nil, running(of: owner) < quotas.runningJobs ?? .max else { return false }
        }
        guard let acceptance = try? layout.job(status.id).acceptance() else { return false }
        return [acceptance.training, acceptance.validation].compactMap { $0?.path }.allSatisfy {
            FolderListing.byteCount($0) ?? .max <= Self.smallDataBytes
        }
    }

    var judges: Acceptance.Judges {
        Acceptance.Judges(
            refusal: { [self] user in
                guard let role = authority.role(of: user) else {
                    return ManifestError(
                        code: "not_allowed", message: "user \(user.name) has no role on this spool and may not submit jobs")
                }
                guard role.rights.contains(.submit) else {
                    return ManifestError(code: "not_allowed", message: "the role \(role.name) of user \(user.name) may not submit jobs")
                }
                return Quotas.excess(use(of: Int(user.user)), role.quotas, role: role.name)
            },
            mayUseAll: { [self] in authority.role(of: $0)?.rights.contains(.controlAny) == true },
            // A job whose status cannot be read yet is there all the same.
            state: { [self] in registry.state($0) ?? (deferred.contains(Self.takingUp($0)) ? .queued : nil) },
            prices: { [self] in authority.policy?.prices(device: $0) })
    }

    func use(of owner: Int) -> Quotas.Use {
        Quotas.Use(
            queuedJobs: queue.count(of: owner) + validations.count(of: owner),
            month: registry.used(by: owner, month: Usage.month(ofSeconds: Clock.wall())), diskBytes: registry.diskBytes(of: owner))
    }
}
