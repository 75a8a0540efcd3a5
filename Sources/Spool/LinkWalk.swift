import CLinux
import Glibc
import Storage

/// Follows a name through folders and links as the kernel does, but never looks at anything outside
/// of the folders that may be entered: a link that leads out of all of them ends the walk, one that
/// leads from one into another goes on there.
///
/// What is found is only where to look: it is opened afterwards, beneath its root and without
/// links, and judged by what was opened.
struct LinkWalk {
    /// A folder that may be entered: as it is named, and as it really is.
    struct Root: Sendable, Hashable {
        let named: String
        let real: String

        /// Nil if it is not there.
        init?(_ path: String) {
            guard let resolved = realpath(path, nil) else { return nil }
            defer { free(resolved) }
            real = String(cString: resolved)
            named = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        }

        /// What is left of an absolute path at or below this folder.
        func remainder(of path: String) -> String? {
            for base in [named, real] {
                if path == base || base == "/" { return String(path.dropFirst(base.utf8.count)) }
                if path.hasPrefix(base + "/") { return String(path.dropFirst(base.utf8.count + 1)) }
            }
            return nil
        }
    }
    enum Outcome: Sendable, Hashable {
        /// Without links and `..`; empty for the root itself.
        case inside(Root, relative: String)
        case missing
        /// A link on the way, by its path below the root that it lies in.
        case leadsOut(link: String)
    }
    let roots: [Root]

    private static let linkLimit = 40

    /// Where an absolute path leads.
    func follow(_ path: String) throws(StorageError) -> Outcome {
        var rest = Self.components(path)
        guard let (root, below) = enter(from: [], &rest) else { return .missing }
        return try follow(below + rest, in: root)
    }

    /// Where a name in a root leads.
    func follow(_ name: String, in root: Root) throws(StorageError) -> Outcome { try follow(Self.components(name), in: root) }

    private static func components(_ path: String) -> [String] { path.split(separator: "/").map(String.init).filter { $0 != "." } }

    private func follow(_ path: [String], in start: Root) throws(StorageError) -> Outcome {
        var root = start
        var done: [String] = []
        var rest = path
        for _ in 0...Self.linkLimit {
            // As far as there is neither a link nor a way up and out.
            var link: String?
            var leavesRoot = false
            while !rest.isEmpty, link == nil, !leavesRoot {
                let next = rest.removeFirst()
                if next == ".." {
                    leavesRoot = done.popLast() == nil
                    continue
                }
                switch try Self.look((done + [next]).joined(separator: "/"), in: root) {
                case .nothing: return .missing
                case .thing: done.append(next)
                case .link(let target):
                    link = (done + [next]).joined(separator: "/")
                    rest = (target.hasPrefix("/") ? ["/"] : []) + Self.components(target) + rest
                }
            }
            if rest.first == "/" {
                rest.removeFirst()
                guard let (entered, below) = enter(from: [], &rest) else { return .leadsOut(link: link ?? "") }
                (root, done, rest) = (entered, [], below + rest)
            } else if leavesRoot {
                guard let (entered, below) = enter(from: Self.components(root.real).dropLast(), &rest) else {
                    return .leadsOut(link: path.joined(separator: "/"))
                }
                (root, done, rest) = (entered, [], below + rest)
            } else if rest.isEmpty, link == nil {
                return .inside(root, relative: done.joined(separator: "/"))
            }
        }
        return .missing
    }

    /// Goes down from a folder outside of all roots by names alone until a root is reached.
    private func enter(from folder: [String], _ rest: inout [String]) -> (Root, [String])? {
        var path = folder
        while true {
            let text = "/" + path.joined(separator: "/")
            for root in roots { if let below = root.remainder(of: text) { return (root, Self.components(below)) } }
            if rest.isEmpty { return nil }
            let next = rest.removeFirst()
            if next == ".." { _ = path.popLast() } else { path.append(next) }
        }
    }

    private enum Seen {
        case nothing
        case thing
        case link(String)
    }

    /// What lies at a path without links.
    private static func look(_ path: String, in root: Root) throws(StorageError) -> Seen {
        let directory = try PathResolver.passing(tala_open(root.real, tala_o_path | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0), root.real)
        guard directory >= 0 else { return .nothing }
        defer { close(directory) }
        var how = open_how()
        how.flags = UInt64(tala_o_path | O_NOFOLLOW | O_CLOEXEC)
        how.resolve = UInt64(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS)
        let found = try PathResolver.passing(tala_openat2(directory, path, &how), root.real + "/" + path)
        guard found >= 0 else { return .nothing }
        defer { close(found) }
        var status = stat()
        guard fstat(found, &status) == 0 else { return .nothing }
        guard status.st_mode & S_IFMT == S_IFLNK else { return .thing }
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlinkat(found, "", &buffer, buffer.count - 1)
        guard count > 0 else { return .nothing }
        return .link(String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
}
