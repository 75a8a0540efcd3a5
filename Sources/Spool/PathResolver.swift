import CLinux
import Glibc
package import Storage

/// Finds what a manifest names beneath the folders that it may name things in, as far as its submitter could read it.
package struct PathResolver: Sendable {
    /// Folders in which absolute paths of manifests must lie.
    package var allowedRoots: [String]

    package init(allowedRoots: [String] = []) { self.allowedRoots = allowedRoots }

    /// Something that was found.
    package struct Found: Sendable, Hashable {
        /// The real path.
        package var path: String
        /// The folder that it lies beneath.
        package var root: String
    }

    /// Opens what `name` means beneath `root`: no `..`, no link that leads out, and every folder on the way searchable and the end readable by the submitter.
    /// - Parameter flags: how to open it; `O_PATH` only looks.
    /// - Returns: the open descriptor, which the caller closes, and the real path; nil if there is no such thing or the submitter could not read it.
    /// - Throws: ``StorageError`` if that cannot be told now (no memory, no descriptors).
    static func open(_ name: String, beneath root: String, for submitter: Submitter, allowingLinks: Bool, flags: Int32)
        throws(StorageError) -> (descriptor: Int32, path: String)?
    {
        let directory = try passing(tala_open(root, tala_o_path | O_DIRECTORY | O_CLOEXEC, 0), root)
        guard directory >= 0 else { return nil }
        defer { close(directory) }
        var how = open_how()
        how.flags = UInt64(flags | O_CLOEXEC)
        how.resolve = UInt64(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (allowingLinks ? 0 : RESOLVE_NO_SYMLINKS))
        let found = try passing(tala_openat2(directory, name, &how), root + "/" + name)
        guard found >= 0 else { return nil }
        guard let path = path(of: found), let base = Self.path(of: directory), path == base || path.hasPrefix(base + "/"),
            isReachable(path.dropFirst(base.count), from: directory, for: submitter)
        else {
            close(found)
            return nil
        }
        var status = stat()
        guard fstat(found, &status) == 0, submitter.may(status.st_mode & S_IFMT == S_IFDIR ? 5 : 4, status, descriptor: found) else {
            close(found)
            return nil
        }
        return (found, path)
    }

    /// A descriptor, or a negative number where there is nothing to be opened.
    private static func passing(_ descriptor: Int32, _ path: String) throws(StorageError) -> Int32 {
        guard descriptor < 0 else { return descriptor }
        let error = StorageError(operation: "open", path: path)
        // Not EAGAIN: that is what openat2 says when a rename during the call may have led it out of the root.
        if [EMFILE, ENFILE, ENOMEM].contains(error.errorNumber) { throw error }
        return descriptor
    }

    /// Whether every folder of a path below `directory` lets the submitter through.
    private static func isReachable(_ relative: Substring, from directory: Int32, for submitter: Submitter) -> Bool {
        var current = dup(directory)
        defer { close(current) }
        for component in relative.split(separator: "/").dropLast() {
            let next = tala_openat(current, String(component), tala_o_path | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
            guard next >= 0 else { return false }
            close(current)
            current = next
            var status = stat()
            guard fstat(current, &status) == 0, submitter.may(1, status, descriptor: current) else { return false }
        }
        return true
    }

    private static func path(of descriptor: Int32) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/fd/\(descriptor)", &buffer, buffer.count - 1)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Finds something that a manifest names: in one of `folders`, or by an absolute path under an allowed root.
    /// - Parameter bundle: the folder that was dropped with the manifest; links in it are not followed.
    /// - Throws: ``StorageError`` if it cannot be told now.
    package func find(_ name: String, bundle: String? = nil, in folders: [String], for submitter: Submitter) throws(StorageError) -> Found?
    {
        func look(_ name: String, _ root: String, allowingLinks: Bool) throws(StorageError) -> Found? {
            guard let found = try Self.open(name, beneath: root, for: submitter, allowingLinks: allowingLinks, flags: tala_o_path) else {
                return nil
            }
            close(found.descriptor)
            return Found(path: found.path, root: root)
        }
        if name.hasPrefix("/") {
            for root in allowedRoots {
                let prefix = root.hasSuffix("/") ? root : root + "/"
                if name.hasPrefix(prefix), let found = try look(String(name.dropFirst(prefix.count)), root, allowingLinks: true) {
                    return found
                }
            }
            return nil
        }
        if let bundle, let found = try look(name, bundle, allowingLinks: false) { return found }
        for folder in folders { if let found = try look(name, folder, allowingLinks: true) { return found } }
        return nil
    }
}
