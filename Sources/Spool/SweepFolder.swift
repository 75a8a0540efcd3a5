import Glibc
import Jobs
package import Storage

/// The jobs of a sweep on their way into the spool: all of them appear, or none.
///
/// They are built in one folder out of sight. A rename gives it its name, ``path``, and from then
/// on they are accepted; each is then moved to its place, by whoever finds the folder. What was
/// dropped with the manifest stays in the folder, for all of them, until each has a copy of its
/// own.
package struct SweepFolder: Sendable {
    private let layout: SpoolLayout
    /// The id of the first job, under which the drop was claimed.
    package let id: String

    package static let prefix = ".sweep-"
    private static let listName = "jobs"
    package static let bundleName = "bundle"

    package init(_ layout: SpoolLayout, _ id: String) { (self.layout, self.id) = (layout, id) }

    package var path: String { layout.jobs + "/" + Self.prefix + id }
    package var bundle: String { path + "/" + Self.bundleName }
    /// Whether the jobs are accepted, and not all of them in their places or with data of their
    /// own.
    package var exists: Bool { FolderListing.exists(path) }

    /// Writes down which jobs there are, in the folder that is being built.
    package static func list(_ ids: [String], in building: String) throws(StorageError) {
        try DurableFiles.replace(building + "/" + listName, with: ids.map { $0 + "\n" }.joined())
    }

    /// The ids of all jobs of the sweep.
    /// - Throws: ``StorageError`` if the list cannot be read now.
    package func jobs() throws(StorageError) -> [String] {
        String(decoding: try DurableFiles.read(path + "/" + Self.listName, limit: 1 << 20), as: UTF8.self).split(separator: "\n")
            .map(String.init).filter { JobIdentifier.isJob($0) }
    }

    /// Makes the jobs of a folder that is whole accepted ones.
    package func commit(_ building: String) throws(StorageError) { try DurableFiles.rename(building, to: path) }

    /// Moves the jobs to their places, as many as are not there yet, and ends the claim.
    /// - Returns: the ids of all jobs of the sweep.
    package func place() throws(StorageError) -> [String] {
        // What a power cut may undo is not built upon: without this, some jobs could be in their
        // places and the drop still in its claim.
        try DurableFiles.syncFolder(layout.jobs)
        let all = try jobs()
        FolderListing.delete(layout.claim(id))
        for job in all where FolderListing.exists(path + "/" + job) {
            try DurableFiles.rename(path + "/" + job, to: layout.job(job).path)
        }
        try DurableFiles.syncFolder(layout.jobs)
        return all
    }

    /// Whether a job still needs what was dropped with the manifest.
    package func needsBundle(_ job: String) -> Bool {
        let folder = layout.job(job)
        guard FolderListing.exists(folder.path), !folder.isValidated else { return false }
        return folder.status().map { !$0.state.isFinal } ?? true
    }

    /// Deletes the folder with what was dropped.
    /// - Throws: ``StorageError`` if some of it stays.
    package func remove() throws(StorageError) {
        // The claim goes first, and what had to stay in `incoming/`: without this folder they would
        // be a drop that is not accepted yet.
        for rest in [layout.claim(id), layout.incoming + "/" + Claim.takenPrefix + id] where FolderListing.exists(rest) {
            FolderListing.delete(rest)
            if FolderListing.exists(rest) { throw StorageError(operation: "remove", path: rest, errorNumber: EIO) }
        }
        try WholeFolder.remove(path)
    }
}
