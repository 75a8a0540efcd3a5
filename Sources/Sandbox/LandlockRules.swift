import CLinux
import Glibc

/// A set of paths that this process may still use, for the kernel to enforce (landlock(7)).
struct LandlockRules {
    enum Use {
        /// Read files, list folders, run programs.
        case read
        /// That, and everything that changes them.
        case write
    }
    /// Access rights by their bits, as far as this program names them.
    private enum Right {
        static let execute: UInt64 = 1 << 0
        static let writeFile: UInt64 = 1 << 1
        static let readFile: UInt64 = 1 << 2
        static let readFolder: UInt64 = 1 << 3
        /// Removing, and making folders, files, sockets, pipes and links; not devices.
        static let change: UInt64 = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12
        static let makeDevices: UInt64 = 1 << 6 | 1 << 11
        /// Moving between folders; version 2.
        static let refer: UInt64 = 1 << 13
        /// Version 3.
        static let truncate: UInt64 = 1 << 14
        static let ofFiles = execute | writeFile | readFile | truncate
    }

    let version: Int
    private let ruleset: Int32
    private let handled: UInt64

    /// Nil if the kernel has no Landlock.
    init?() {
        let version = Int(tala_landlock_version())
        guard version >= 1 else { return nil }
        self.version = version
        handled =
            Right.execute | Right.writeFile | Right.readFile | Right.readFolder | Right.change | Right.makeDevices
            | (version >= 2 ? Right.refer : 0) | (version >= 3 ? Right.truncate : 0)
        // Version 4 knows binding and connecting by TCP, version 6 abstract sockets and signals to
        // processes outside.
        var attributes = tala_landlock_ruleset(files: handled, network: version >= 4 ? 3 : 0, scopes: version >= 6 ? 3 : 0)
        let size = version >= 6 ? 24 : version >= 4 ? 16 : 8
        ruleset = tala_landlock_create(&attributes, size)
        guard ruleset >= 0 else { return nil }
    }

    /// Allows a path and what is beneath it. What is not there needs no permission.
    mutating func allow(_ path: String, _ use: Use) {
        let descriptor = tala_open(path, tala_o_path | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return }
        var rights: UInt64 = Right.execute | Right.readFile | Right.readFolder
        if use == .write { rights |= Right.writeFile | Right.change | Right.refer | Right.truncate }
        if status.st_mode & S_IFMT != S_IFDIR { rights &= Right.ofFiles }
        var rule = tala_landlock_path_rule(allowed: rights & handled, parent: descriptor)
        _ = tala_landlock_allow(ruleset, &rule)
    }

    /// From here on nothing else can be used by this process, nor by any that it starts.
    func enforce() -> Bool {
        defer { close(ruleset) }
        return tala_landlock_restrict(ruleset) == 0
    }
}
