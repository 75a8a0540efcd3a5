import CLinux
import Glibc

/// The user who dropped something, and what that user may read. The daemon's own rights count for
/// nothing here.
package struct Submitter: Sendable, Hashable {
    package let user: UInt32
    package let groups: Set<UInt32>
    /// The user's name, or the number where there is none.
    package let name: String

    package init(user: UInt32, groups: Set<UInt32>, name: String) {
        self.user = user
        self.groups = groups
        self.name = name
    }

    /// Looks the user up in the system's database.
    package init(user: UInt32) {
        self.user = user
        name = SystemAccounts.name(ofUser: user) ?? "\(user)"
        groups = SystemAccounts.groups(ofUser: user) ?? []
    }

    /// Whether the user has a permission (read 4, search 1) on what a descriptor stands for, by its
    /// mode or its access control list.
    func may(_ wanted: UInt16, _ status: stat, descriptor: Int32) -> Bool {
        if user == 0 { return true }
        let mode = UInt16(truncatingIfNeeded: status.st_mode)
        if status.st_uid == user { return mode >> 6 & wanted == wanted }
        if let list = AccessControlList(path: "/proc/self/fd/\(descriptor)") {
            return list.grants(wanted, user: user, groups: groups, fileGroup: status.st_gid)
        }
        if groups.contains(status.st_gid) { return mode >> 3 & wanted == wanted }
        return mode & wanted == wanted
    }
}
