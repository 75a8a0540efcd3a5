import Glibc

/// The group that may write into a folder of the spool.
enum FolderGroup {
    /// What a user who may not write into a folder can do about it, as the end of a sentence; empty
    /// where no group would help.
    static func remedy(_ path: String) -> String {
        var information = stat()
        guard stat(path, &information) == 0, information.st_mode & S_IWGRP != 0 else { return "" }
        var record = group()
        var found: UnsafeMutablePointer<group>?
        var buffer = [CChar](repeating: 0, count: 1 << 14)
        guard getgrgid_r(information.st_gid, &record, &buffer, buffer.count, &found) == 0, found != nil, let name = record.gr_name else {
            return ": the group \(information.st_gid) may"
        }
        let group = Terminal.safe(String(cString: name))
        return ": join the group \(group) (adduser \"$USER\" \(group), then log in again)"
    }
}
