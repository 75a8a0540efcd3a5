import Glibc
import Storage

/// A folder in memory for what a rank receives: it is gone as soon as its files are mapped.
struct ScratchFolder {
    private static let parent = "/dev/shm"
    private static let prefix = "tala-rank-"
    let path: String

    /// - Throws: ``StorageError``.
    init() throws(StorageError) {
        Self.removeLeftOver()
        path = "\(Self.parent)/\(Self.prefix)\(getpid())"
        FolderListing.delete(path)
        try DurableFiles.makeFolder(path, mode: 0o700, isNew: true)
    }

    func remove() { FolderListing.delete(path) }

    /// Removes the folders of ranks of this user that were killed before they could.
    private static func removeLeftOver() {
        for name in (try? FolderListing.names(in: parent)) ?? [] where name.hasPrefix(prefix) {
            var status = stat()
            guard let process = pid_t(name.dropFirst(prefix.count)), lstat("\(parent)/\(name)", &status) == 0,
                status.st_uid == getuid(), kill(process, 0) != 0, errno == ESRCH
            else { continue }
            FolderListing.delete("\(parent)/\(name)")
        }
    }
}
