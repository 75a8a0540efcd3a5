import Glibc
import JSON
import Manifest
import Spool
import Storage

/// Makes of the files in `deployments/` what the server reads: paths and defaults filled in, or
/// what is wrong.
final class DeploymentKeeper {
    private let files: DeploymentFiles
    private let users: Users
    private let journal: Journal
    /// What was made of each file, with what the file was then, and where its model lay.
    private var known: [String: (mark: String, place: String?, isAccepted: Bool)] = [:]
    private var lastLook = -Double.infinity

    /// Seconds between looks.
    private static let interval = 0.5

    init(_ layout: SpoolLayout, _ users: Users, _ journal: Journal) {
        (files, self.users, self.journal) = (DeploymentFiles(layout), users, journal)
    }

    /// Looks whether anything has changed.
    func look() {
        let now = Clock.monotonic()
        guard now - lastLook >= Self.interval else { return }
        lastLook = now
        let names = files.names
        for name in names {
            // The mark first: of a file that is replaced in between it is the former's, and all is
            // done again.
            var information = stat()
            guard let mark = FileVersion.mark(files.file(name)), lstat(files.file(name), &information) == 0 else { continue }
            if let former = known[name], former.mark == mark {
                // What waits for a job to end, or a model to come, is looked at again.
                if former.isAccepted || former.place == place(name) { continue }
            }
            let found = place(name)
            if let isAccepted = write(name, information, mark) { known[name] = (mark, found, isAccepted) }
        }
        for name in known.keys where !names.contains(name) {
            known[name] = nil
            remove(name)
        }
        // What an earlier daemon has accepted and is not there any more.
        for file in (try? FolderListing.names(in: files.accepted)) ?? [] where file.hasSuffix(".json") {
            let name = String(file.dropLast(5))
            if !names.contains(name) { remove(name) }
        }
    }

    /// Where the weights of a deployment lie; nil while they do not.
    private func place(_ name: String) -> String? {
        guard let deployment = try? files.deployment(name) else { return nil }
        return (try? files.place(of: deployment)).map { $0.adapter ?? $0.base }
    }

    /// - Returns: whether it is accepted; nil if that could not be found out or written down.
    private func write(_ name: String, _ information: stat, _ mark: String) -> Bool? {
        var isAccepted = false
        var members = [
            JSONMember("name", JSONNode(name)), JSONMember("owner", JSONNode(Int(information.st_uid))),
            // Whoever has written a version waits for what is said of that one.
            JSONMember("version", JSONNode(mark)),
        ]
        do {
            guard information.st_mode & S_IFMT == S_IFREG, information.st_nlink == 1 else {
                throw ManifestError(code: "invalid_manifest", message: "is no regular file of its own")
            }
            guard users.mayDeploy(Int(information.st_uid)) else {
                throw ManifestError(code: "not_allowed", message: "user \(information.st_uid) may not deploy")
            }
            let deployment = try files.deployment(name)
            members += [
                JSONMember("state", "accepted"), JSONMember("settings", deployment.json),
                JSONMember("place", try files.place(of: deployment).json),
            ]
            isAccepted = true
            journal.log(.information, "deployment \(name): \(deployment.model) is accepted")
        } catch let error as StorageError where error.isTransient || error.errorNumber == EIO {
            return nil
        } catch {
            let code = (error as? ManifestError)?.code ?? "unreadable"
            members += [JSONMember("state", "failed"), JSONMember("error", ["code": JSONNode(code), "message": JSONNode("\(error)")])]
            journal.log(.warning, "deployment \(name): \(error)")
        }
        do {
            try DurableFiles.replace(
                files.accepted + "/" + name + ".json", with: JSONWriter(isIndented: true).string(JSONNode(members)) + "\n")
            return isAccepted
        } catch {
            journal.log(.error, "deployment \(name): \(error)")
            return nil
        }
    }

    private func remove(_ name: String) {
        for path in [files.accepted + "/" + name + ".json", files.paused + "/" + name] where FolderListing.exists(path) {
            FolderListing.delete(path)
        }
        journal.log(.information, "deployment \(name): gone")
    }
}
