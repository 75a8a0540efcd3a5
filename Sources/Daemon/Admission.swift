import Jobs
import Manifest
import Spool
import Storage

/// What users, quotas and other jobs say about a drop, and where a job that was accepted goes
/// first.
struct Admission {
    let configuration: TalaDaemon.Configuration
    let store: JobStore
    let users: Users
    let scheduler: Scheduler
    let supervisor: WorkerSupervisor
    let retries: Retries

    var judges: Acceptance.Judges {
        Acceptance.Judges(
            refusal: { user, jobCount in
                guard let role = users.role(of: user) else {
                    return ManifestError(
                        code: "not_allowed",
                        message: "user \(user.name) has no role on this spool and may not submit jobs" + users.whoMaySubmit)
                }
                guard role.rights.contains(.submit) else {
                    return ManifestError(
                        code: "not_allowed", message: "the role \(role.name) of user \(user.name) may not submit jobs" + users.whoMaySubmit)
                }
                return Quotas.excess(scheduler.use(of: Int(user.user)), role.quotas, role: role.name, jobCount: jobCount)
            },
            mayUseAll: { users.role(of: $0)?.rights.contains(.controlAny) == true },
            // A job whose status cannot be read yet is there all the same.
            state: { store.registry.state($0) ?? (retries.contains(Recovery.recovering($0)) ? .queued : nil) },
            prices: { users.policy?.prices(device: $0) })
    }

    func note(_ result: Acceptance.Result) {
        switch result {
        case .accepted(let status, let manifest):
            store.note(status)
            scheduler.add(status, manifest, atOnce: startsAtOnce(status, manifest))
        case .swept(_, let jobs):
            for (status, manifest) in jobs { note(.accepted(status, manifest)) }
        case .rejected: store.countFailure()
        case .gone, .stillWritten: break
        }
    }

    /// Bytes of data that are read in a moment, so that a device may wait for their validation.
    private static let smallDataBytes = 32 << 20

    /// Whether the worker that validates a new job may go on and train it: a second process would
    /// read data and model once more. Only where nothing else waits, a device is free for it, and
    /// nothing but the files can keep it from starting.
    private func startsAtOnce(_ status: JobStatus, _ manifest: Manifest) -> Bool {
        guard configuration.startsAtOnce, scheduler.isEmpty, !manifest.validatesOnly, manifest.notBefore == nil, manifest.after.isEmpty,
            supervisor.devices.contains(where: { $0.isFree && DeviceChoice.serves($0.selector, manifest.device) }),
            // Beside others its plan must be known first.
            supervisor.devices.allSatisfy(\.isFree)
        else { return false }
        let owner = status.owner ?? 0
        if let quotas = users.role(of: owner)?.quotas {
            guard quotas.trainedTokensAMonth == nil, supervisor.running(of: owner) < quotas.runningJobs ?? .max else { return false }
        }
        guard let acceptance = try? store.folder(status.id).acceptance() else { return false }
        return [acceptance.training, acceptance.validation].compactMap { $0?.path }.allSatisfy {
            FolderListing.byteCount($0) ?? .max <= Self.smallDataBytes
        }
    }
}
