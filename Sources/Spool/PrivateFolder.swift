import Glibc

/// Folders that only the daemon and one user may read.
package enum PrivateFolder {
    /// Lets a user read a folder of mode 0750 and all that will be made in it.
    /// - Returns: false if the file system has no access control lists, so that the user cannot.
    @discardableResult
    package static func open(_ path: String, to owner: Int?) -> Bool {
        guard let owner, let user = UInt32(exactly: owner), user != geteuid(), user != 0 else { return true }
        return AccessControlList(readableBy: user).apply(toFolder: path)
    }
}
