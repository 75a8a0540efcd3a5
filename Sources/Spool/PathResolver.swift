import CLinux
import Glibc
import Storage

/// Finds what a manifest names beneath the folders that it may name things in.
public struct PathResolver: Sendable {
    /// Folders in which absolute paths of manifests must lie.
    public var allowedRoots: [String]

    public init(allowedRoots: [String] = []) { self.allowedRoots = allowedRoots }

    /// The real path of `name` beneath `root`: no `..`, no link that leads out.
    /// - Returns: nil if there is no such thing beneath the root.
    public func path(of name: String, beneath root: String) -> String? {
        let directory = tala_open(root, tala_o_path | O_DIRECTORY | O_CLOEXEC, 0)
        guard directory >= 0 else { return nil }
        defer { close(directory) }
        var how = open_how()
        how.flags = UInt64(tala_o_path | O_CLOEXEC)
        how.resolve = UInt64(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
        let found = tala_openat2(directory, name, &how)
        guard found >= 0 else { return nil }
        defer { close(found) }
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/fd/\(found)", &buffer, buffer.count - 1)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The path of something that a manifest names: in one of `folders`, or by an absolute path under an allowed root.
    public func find(_ name: String, in folders: [String]) -> String? {
        if name.hasPrefix("/") {
            for root in allowedRoots {
                let prefix = root.hasSuffix("/") ? root : root + "/"
                if name.hasPrefix(prefix), let path = path(of: String(name.dropFirst(prefix.count)), beneath: root) { return path }
            }
            return nil
        }
        for folder in folders { if let path = path(of: name, beneath: folder) { return path } }
        return nil
    }
}
