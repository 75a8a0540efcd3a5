import Glibc
package import Spool
import Storage

/// Tries what a confined worker can still do: for administrators whose driver does not come up, and
/// for tests.
package enum Probe {
    /// Confines this process for a job and tries paths and sockets.
    /// - Parameter isRank: as one of several processes, which keep their connections.
    /// - Returns: lines to print: the report, then `readable`, `writable` or `closed` and each
    ///   path, then what sockets can be made.
    /// - Throws: ``StorageError`` if the job's folder cannot be read.
    package static func run(_ folder: JobFolder, paths: [String], isRank: Bool = false) throws -> [String] {
        let acceptance = try folder.acceptance()
        let report = Confinement.confine(folder, acceptance)
        var lines = [report.description]
        if isRank, let problem = Confinement.keepConnections(report) { lines.append(problem) }
        for path in paths {
            let isWritable = !FolderListing.isFolder(path) && Reachability.canWrite(path)
            let isReadable = Reachability.canRead(path)
            lines.append((isWritable ? "writable " : isReadable ? "readable " : "closed ") + path)
        }
        for (name, family) in [("local", AF_UNIX), ("internet", AF_INET), ("netlink", AF_NETLINK)] {
            let descriptor = socket(family, Int32(SOCK_DGRAM.rawValue), 0)
            lines.append("\(name) sockets: " + (descriptor >= 0 ? "allowed" : "forbidden"))
            if descriptor >= 0 { close(descriptor) }
        }
        return lines
    }
}
