import CLinux
import Glibc
package import Storage

/// Finds what a manifest names beneath the folders that it may name things in, as far as its
/// submitter could read it.
package struct PathResolver: Sendable {
    /// Folders in which absolute paths of manifests must lie.
    package var allowedRoots: [String]

    package init(allowedRoots: [String] = []) { self.allowedRoots = allowedRoots }

    /// Something that was found.
    package struct Found: Sendable, Hashable {
        /// The real path.
        package var path: String
        /// The real path of the folder that it lies beneath.
        package var root: String
    }

    /// Opens what `name` means beneath `root`: no `..`, no link that leads out, and every folder on
    /// the way searchable and the end readable by the submitter.
    /// - Parameter flags: how to open it; `O_PATH` only looks.
    /// - Returns: the open descriptor, which the caller closes, and the real path; nil if there is
    ///   no such thing or the submitter could not read it.
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
        guard let path = path(of: found), let base = Self.path(of: directory),
            path == base || path.hasPrefix(base == "/" ? base : base + "/"),
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
    static func passing(_ descriptor: Int32, _ path: String) throws(StorageError) -> Int32 {
        guard descriptor < 0 else { return descriptor }
        let error = StorageError(operation: "open", path: path)
        // Not EAGAIN: that is what openat2 says when a rename during the call may have led it out
        // of the root.
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

    /// What a name leads to.
    package enum Outcome: Sendable, Hashable {
        case found(Found)
        /// Not there, or the submitter could not read it.
        case missing
        /// It is reached by a link out of all folders in which it may lie.
        case leadsOut(link: String)
    }

    /// Finds a file that was dropped with a manifest. Links are not followed.
    /// - Throws: ``StorageError`` if it cannot be told now.
    package func find(_ name: String, bundle: String, for submitter: Submitter) throws(StorageError) -> Outcome {
        guard !name.hasPrefix("/") else { return .missing }
        return try look(name, beneath: bundle, for: submitter)
    }

    /// Finds something that a manifest names: in one of `folders`, or by an absolute path in one of
    /// them or under an allowed root. A link is followed as far as it leads into one of these.
    /// - Throws: ``StorageError`` if it cannot be told now.
    package func find(_ name: String, in folders: [String], for submitter: Submitter) throws(StorageError) -> Outcome {
        let places = folders.compactMap { LinkWalk.Root($0) }
        let walk = LinkWalk(roots: places + allowedRoots.compactMap { LinkWalk.Root($0) })
        var last = Outcome.missing
        func open(_ place: LinkWalk.Outcome) throws(StorageError) -> Bool {
            switch place {
            case .inside(let root, let relative):
                last = try look(relative.isEmpty ? "." : relative, beneath: root.real, for: submitter)
                return last != .missing
            case .missing: return false
            case .leadsOut(let link):
                last = .leadsOut(link: link)
                return false
            }
        }
        if name.hasPrefix("/") {
            _ = try open(try walk.follow(name))
            return last
        }
        for place in places where try open(try walk.follow(name, in: place)) { break }
        return last
    }

    private func look(_ name: String, beneath root: String, for submitter: Submitter) throws(StorageError) -> Outcome {
        guard let found = try Self.open(name, beneath: root, for: submitter, allowingLinks: false, flags: tala_o_path) else {
            return .missing
        }
        close(found.descriptor)
        return .found(Found(path: found.path, root: LinkWalk.Root(root)?.real ?? root))
    }
}
