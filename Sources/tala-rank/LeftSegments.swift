import Glibc
import Storage

/// Shared memory of Open MPI's that nobody uses any more.
///
/// It has names, which the launcher removes at the end of a group; where that was killed together
/// with its processes they stay, each with some hundred kilobytes. Nobody else would remove them
/// before the host starts again.
enum LeftSegments {
    private static let folder = "/dev/shm"
    /// Of release 4 and of release 5, before the host's name.
    private static let prefixes = ["vader_segment.", "sm_segment."]
    /// A segment is mapped as soon as it is there; younger ones are left alone anyway.
    private static let youngestSeconds = 60

    /// Removes those of this user that no process has mapped.
    static func remove() {
        let now = time(nil)
        let old = ((try? FolderListing.names(in: folder)) ?? []).filter { name in
            var status = stat()
            return prefixes.contains { name.hasPrefix($0) } && lstat("\(folder)/\(name)", &status) == 0 && status.st_uid == getuid()
                && status.st_mode & S_IFMT == S_IFREG && now - status.st_mtim.tv_sec > youngestSeconds
        }
        if old.isEmpty { return }
        var used: Set<String> = []
        for process in (try? FolderListing.names(in: "/proc")) ?? [] where process.allSatisfy(\.isNumber) {
            // One that cannot be looked into is no process of Open MPI's of this user.
            guard let maps = try? DurableFiles.read("/proc/\(process)/maps") else { continue }
            for line in maps.split(separator: UInt8(ascii: "\n")) {
                guard let start = line.firstIndex(of: UInt8(ascii: "/")) else { continue }
                let path = String(decoding: line[start...], as: UTF8.self)
                if path.hasPrefix(folder + "/") { used.insert(String(path.dropFirst(folder.count + 1))) }
            }
        }
        for name in old where !used.contains(name) { FolderListing.delete("\(folder)/\(name)") }
    }
}
