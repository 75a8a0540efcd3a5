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
            do {
                let milliseconds = Clock.wallMilliseconds()
                switch found {
                case .complete(let name): note(try acceptance.take(name, milliseconds: milliseconds, submitter: submitter, judges), name)
                case .abandoned(let name): note(try acceptance.abandon(name, milliseconds: milliseconds), name)
                }
            } catch {
                journal.log(.error, "cannot take \(found): \(error)")
                // The next look through the folder finds it again.
                dropsAllowedAt = Clock.monotonic() + 5
                return
            }
        }
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
        case .gone: break
        }
    }

    /// Bytes of data that are read in a moment, so that a device may wait for their validation.
    private static let smallDataBytes = 32 << 20

    /// Whether the worker that validates a new job may go on and train it: a second process would read data and model once more. Only where nothing else
    /// waits, a device is free for it, and nothing but the files can keep it from starting.
    private func startsAtOnce(_ status: JobStatus, _ manifest: Manifest) -> Bool {
        guard configuration.startsAtOnce, queue.isEmpty, validations.isEmpty, salvages.isEmpty, manifest.notBefore == nil, manifest.after.isEmpty,
            devices.contains(where: { $0.worker == nil && DeviceChoice.serves($0.selector, manifest.device) })
        else { return false }
        let owner = status.owner ?? 0
        if let quotas = authority.role(of: submitter(owner))?.quotas {
            guard quotas.trainedTokensAMonth == nil, running(of: owner) < quotas.runningJobs ?? .max else { return false }
        }
        guard let acceptance = try? layout.job(status.id).acceptance() else { return false }
        return [acceptance.training, acceptance.validation].compactMap { $0?.path }.allSatisfy { FolderListing.byteCount($0) ?? .max <= Self.smallDataBytes }
    }

    var judges: Acceptance.Judges {
        Acceptance.Judges(
            refusal: { [self] user in
                guard let role = authority.role(of: user) else {
                    return ManifestError(code: "not_allowed", message: "user \(user.name) has no role on this spool and may not submit jobs")
                }
                guard role.rights.contains(.submit) else {
                    return ManifestError(code: "not_allowed", message: "the role \(role.name) of user \(user.name) may not submit jobs")
                }
                return Quotas.excess(use(of: Int(user.user)), role.quotas, role: role.name)
            },
            mayUseAll: { [self] in authority.role(of: $0)?.rights.contains(.controlAny) == true },
            state: { [self] in registry.state($0) }, prices: { [self] in authority.policy?.prices(device: $0) })
    }

    func use(of owner: Int) -> Quotas.Use {
        Quotas.Use(
            queuedJobs: queue.count(of: owner) + validations.count(of: owner),
            month: registry.used(by: owner, month: Usage.month(ofSeconds: Clock.wall())), diskBytes: registry.diskBytes(of: owner))
    }
}
