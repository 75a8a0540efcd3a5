import CLinux
import Glibc
import Storage

/// A drop that this daemon has taken for itself: renamed out of `incoming/`, read once.
package struct Claim: Sendable {
    /// The name as it was dropped.
    package let name: String
    /// Where the drop lies now.
    package let path: String
    /// The folder with the manifest's data, if a folder was dropped.
    package let bundle: String?
    /// Whether the drop could be moved out of `incoming/`.
    package let isMovable: Bool
    package let manifestBytes: [UInt8]
    package let isYAML: Bool
    /// The user id of who dropped it.
    package let owner: Int

    /// Why a drop cannot be taken as a manifest.
    package struct Refusal: Error, Sendable {
        package var message: String
        package var path: String
        /// The user id of who dropped it.
        package var owner: Int
    }

    /// A process has the manifest open for writing: it is not complete yet.
    package struct StillWritten: Error, Sendable {}

    /// Begins the names of folders that had to stay in `incoming/`: to move another user's folder
    /// to another place takes more rights than to rename it.
    package static let takenPrefix = ".taken-"

    /// Whether a name in `incoming/` is one to look at: writers use the others while they write.
    package static func isCandidate(_ name: String) -> Bool {
        !name.hasPrefix(".") && ![".tmp", ".part", ".swp"].contains { name.hasSuffix($0) } && !name.hasSuffix("~")
    }

    /// Takes a drop by one rename into a folder that no other process writes to.
    /// - Parameter id: the id that the job will have.
    /// - Returns: nil if another process was faster.
    /// - Throws: ``Refusal`` if it is not a manifest; ``StillWritten``, ``StorageError``, and the
    ///   drop may then lie in the claim's folder.
    package init?(_ name: String, in layout: SpoolLayout, id: String) throws {
        let claimFolder = layout.claim(id)
        try DurableFiles.makeFolder(claimFolder, mode: 0o700)
        var target = claimFolder + "/drop"
        let source = layout.incoming + "/" + name
        do throws(StorageError) { try DurableFiles.rename(source, to: target) } catch {
            var problem = error
            var isTaken = false
            if error.errorNumber == EACCES || error.errorNumber == EPERM, FolderListing.isFolder(source) {
                target = layout.incoming + "/" + Self.takenPrefix + id
                do throws(StorageError) {
                    try DurableFiles.rename(source, to: target)
                    isTaken = true
                } catch { problem = error }
            }
            guard isTaken else {
                FolderListing.delete(claimFolder)
                if problem.isMissing { return nil }
                throw problem
            }
        }
        self.name = name
        isMovable = target.hasPrefix(claimFolder)
        path = target
        var status = stat()
        guard lstat(target, &status) == 0 else { throw StorageError(operation: "stat", path: target) }
        let dropper = Int(status.st_uid)
        func refusal(_ message: String) -> Refusal { Refusal(message: message, path: target, owner: dropper) }
        guard name.utf8.count <= 128,
            name.utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || "._-".utf8.contains($0)
            })
        else {
            throw refusal("its name may hold letters, digits, '.', '_' and '-' only, 128 at most")
        }
        let manifest: String
        if status.st_mode & S_IFMT == S_IFDIR {
            bundle = target
            let names = try FolderListing.names(in: target)
            // Folders and files that stand for a folder's manifest are looked for by name; what
            // else it holds is the worker's business.
            guard let found = ["manifest.json", "manifest.yaml", "manifest.yml"].first(where: { names.contains($0) }) else {
                throw refusal("the folder holds no manifest.json or manifest.yaml")
            }
            manifest = target + "/" + found
            isYAML = !found.hasSuffix(".json")
        } else {
            bundle = nil
            manifest = target
            isYAML = name.hasSuffix(".yaml") || name.hasSuffix(".yml")
            guard isYAML || name.hasSuffix(".json") else { throw refusal("its name ends in neither .json nor .yaml") }
        }
        let descriptor: Int32
        do throws(StorageError) { descriptor = try DurableFiles.open(manifest, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) } catch {
            // No drop is refused because this process has no descriptor left.
            if error.isTransient || error.errorNumber == EIO { throw error }
            throw refusal("it cannot be opened, or is a link")
        }
        defer { close(descriptor) }
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw refusal("it is not a regular file") }
        // Its name is gone; a process that had it open before the rename may still write.
        if Writers.hasOne(descriptor) == true { throw StillWritten() }
        guard status.st_nlink == 1 else { throw refusal("it has more than one name (hard links)") }
        guard status.st_size <= 1 << 20 else { throw refusal("it is larger than 1 MiB") }
        // A manifest of another user inside a folder proves nothing about its owner.
        guard Int(status.st_uid) == dropper else { throw refusal("the manifest belongs to another user than the folder") }
        owner = dropper
        let before = status
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size) + 1)
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress.map { $0 + filled }, $0.count - filled) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw StorageError(operation: "read", path: manifest) }
            if count == 0 { break }
            filled += count
        }
        guard fstat(descriptor, &status) == 0, filled == Int(before.st_size), status.st_size == before.st_size,
            status.st_mtim.tv_sec == before.st_mtim.tv_sec, status.st_mtim.tv_nsec == before.st_mtim.tv_nsec
        else { throw refusal("it was changed while it was read; write it elsewhere and rename it into incoming/") }
        manifestBytes = Array(bytes.prefix(filled))
    }
}
