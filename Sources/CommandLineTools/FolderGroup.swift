import Glibc
import Spool

/// The group that may write into a folder of the spool.
enum FolderGroup {
    /// What a user who may not write into a folder can do about it, as the end of a sentence; empty
    /// where no group would help.
    static func remedy(_ path: String) -> String {
        var information = stat()
        guard stat(path, &information) == 0, information.st_mode & S_IWGRP != 0 else { return "" }
        guard let name = SystemAccounts.name(ofGroup: information.st_gid) else { return ": the group \(information.st_gid) may" }
        let group = Terminal.safe(name)
        return ": join the group \(group) (adduser \"$USER\" \(group), then log in again)"
    }
}
