import Glibc
import Storage

/// The folder in which a download grows until it is whole: hidden beside its target, and kept when
/// the download is broken off, so that the next one goes on from there.
struct PartialDownload {
    let path: String
    private let parent: String
    private let prefix: String

    /// - Parameter commit: of what is downloaded: files of two commits never mix.
    init(target: String, commit: String) {
        let (parent, name) = DurableFiles.split(target)
        self.parent = parent
        prefix = ".pull-\(name)-"
        path = "\(parent)/\(prefix)\(commit.prefix(12))"
    }

    /// The file with which one process keeps another one out.
    private static let lockName = ".lock"

    /// Makes the folder, or goes on with the one that is there.
    /// - Throws: ``HubError/busy(_:)``, ``StorageError``.
    func open() throws -> FileLock {
        try DurableFiles.makeFolder(path)
        guard let lock = try FileLock(path: path + "/" + Self.lockName) else { throw HubError.busy(path) }
        return lock
    }

    /// Moves the files into a folder, with the folders that they lie in.
    func move(_ names: [String], to folder: String) throws {
        for name in names {
            if let slash = name.lastIndex(of: "/") { try DurableFiles.makeFolder(folder + "/" + name[..<slash]) }
            try DurableFiles.rename(path + "/" + name, to: folder + "/" + name)
        }
    }

    /// Removes the folder and those of other commits.
    func remove() {
        for name in (try? FolderListing.names(in: parent)) ?? [] where name.hasPrefix(prefix) {
            // The name of another model may begin as this one's does.
            if name.utf8.count == prefix.utf8.count + 12 { FolderListing.delete(parent + "/" + name) }
        }
    }
}
