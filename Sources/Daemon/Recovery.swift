import Glibc
import Jobs
import Spool
import Storage

extension TalaDaemon {
    /// Reads what the last daemon left. What is done is a function of the files alone:
    ///
    /// | on disk | what is done |
    /// | --- | --- |
    /// | `.claim-ID` or `incoming/.taken-ID`, no job of that id | the drop goes back into `incoming/` |
    /// | `.claim-ID`, and the job is there | the rest of the claim goes |
    /// | `.new-ID` | a bundle in it goes back into `incoming/`, the rest goes |
    /// | `.trash-*` | deleted |
    /// | a job that is `running` or `queued` | it waits for a device; not validated: for validation |
    /// | a job whose `status.json` cannot be read | it is made anew from manifest and events |
    /// | `.*.tmp`, `.trash-*`, `.ballast` of a job that nobody holds | deleted |
    /// | a job that is given up | it is salvaged |
    /// | a job that is `validating_files` | it waits for validation |
    /// | `paused` for want of room | it goes on when there is room |
    /// | a job that has ended | its tokenised data is deleted |
    /// | all other states | nothing |
    func recover() {
        for (owner, usage) in DeletedUsage.read(layout) { registry.noteDeleted(owner, usage) }
        let names = (try? FolderListing.names(in: layout.jobs)) ?? []
        var waiting: [JobStatus] = []
        for (index, name) in names.enumerated() {
            if index % 1000 == 999 { notifier.send("EXTEND_TIMEOUT_USEC=60000000\nSTATUS=reading jobs, \(index) of \(names.count)") }
            if name.hasPrefix(".claim-") {
                recoverClaim(String(name.dropFirst(7)))
            } else if name.hasPrefix(".new-") {
                // A bundle that had already moved here goes back as well.
                let bundle = layout.jobs + "/" + name + "/bundle"
                if access(bundle, F_OK) == 0 { try? DurableFiles.rename(bundle, to: layout.incoming + "/recovered-" + name.dropFirst(5)) }
                FolderListing.delete(layout.jobs + "/" + name)
            } else if name.hasPrefix(".trash-") {
                FolderListing.delete(layout.jobs + "/" + name)
            } else if JobIdentifier.isJob(name) {
                if let status = recoverJob(name) { waiting.append(status) }
            }
        }
        for name in (try? FolderListing.names(in: layout.incoming)) ?? [] where name.hasPrefix(Claim.takenPrefix) {
            recoverTaken(String(name.dropFirst(Claim.takenPrefix.utf8.count)))
        }
        // Only now are the states of all jobs known that others may wait for.
        for status in waiting { takeUp(status) }
    }

    private func recoverClaim(_ id: String) {
        // The job folder appears by one rename: if it is not there, the drop was not accepted yet.
        let drop = layout.claim(id) + "/drop"
        if access(drop, F_OK) == 0, access(layout.job(id).path, F_OK) != 0 {
            let suffix = FolderListing.isFolder(drop) ? "" : Self.suffix(ofManifest: drop)
            try? DurableFiles.rename(drop, to: layout.incoming + "/recovered-" + id + suffix)
        }
        FolderListing.delete(layout.claim(id))
    }

    private func recoverTaken(_ id: String) {
        let path = layout.incoming + "/" + Claim.takenPrefix + id
        if registry.state(id) == nil {
            try? DurableFiles.rename(path, to: layout.incoming + "/recovered-" + id)
        } else if layout.job(id).isValidated {
            FolderListing.delete(path)
        }
    }

    private static func suffix(ofManifest path: String) -> String {
        guard let bytes = try? DurableFiles.read(path, limit: 1 << 20), let first = bytes.first(where: { $0 > 0x20 }) else {
            return ".json"
        }
        return first == UInt8(ascii: "{") ? ".json" : ".yaml"
    }

    /// - Returns: the status, if the job waits for something.
    private func recoverJob(_ id: String) -> JobStatus? {
        let folder = layout.job(id)
        // Whoever holds the lock may still be writing; nobody else leaves anything half done that is wanted.
        if let lock = try? FileLock(path: folder.lockFile) { withExtendedLifetime(lock) { folder.removeLitter() } }
        var known = folder.status()
        if known == nil, let rebuilt = folder.rebuiltStatus() {
            record(rebuilt, folder, .warn, "status.json was missing or damaged: made anew, \(rebuilt.state.rawValue)")
            known = rebuilt
        }
        guard var status = known else {
            journal.log(.error, "\(id): neither status.json nor manifest.json can be read; the job is left alone", nil, Journal.Subject(job: id))
            return nil
        }
        if status.state == .running {
            status.state = .queued
            try? folder.write(status)
        }
        if status.state.isFinal { folder.removeTokens() }
        registry.note(status, diskBytes: authority.policy == nil ? nil : Registry.size(of: folder.path))
        return status.state.isFinal ? nil : status
    }

    private func takeUp(_ status: JobStatus) {
        switch status.state {
        case .queued where status.reason == Self.givenUp: salvages.append(status.id)
        case .queued, .validatingFiles: enqueue(status)
        case .paused where status.reason == "disk_full": waitingForRoom.insert(status.id)
        default: break
        }
    }
}
