import CLinux
import Glibc
import JSON
package import Spool
import Storage

/// The user under whom the daemon works, and what this user may do with files: what a user sees
/// with own rights says nothing of what the daemon sees.
package struct ServiceUser {
    package let id: UInt32
    package let groups: Set<UInt32>
    package let name: String

    package init(id: UInt32, groups: Set<UInt32>, name: String) { (self.id, self.groups, self.name) = (id, groups, name) }

    /// The daemon's, if one works on the spool; else the spool's owner with the groups of the unit.
    /// - Returns: nil where there is no spool.
    package init?(of layout: SpoolLayout) {
        var information = stat()
        guard stat(layout.jobs, &information) == 0 || stat(layout.root, &information) == 0 else { return nil }
        if let node = (try? DurableFiles.read(layout.daemonFile, limit: 1 << 20)).flatMap({ try? JSONParser().parse($0) }),
            let process = node["pid"]?.integer, let running = Self.process(process)
        {
            self.init(id: running.id, groups: running.groups, name: Self.name(running.id))
            return
        }
        let id = information.st_uid
        let name = Self.name(id)
        var groups = (SystemAccounts.groups(ofUser: id) ?? []).union([information.st_gid])
        // SupplementaryGroups= of the unit, which only a service of the system's has.
        if id != getuid() { groups.formUnion(["render", "video"].compactMap { SystemAccounts.group($0) }) }
        self.init(id: id, groups: groups, name: name)
    }

    /// What the kernel says of a process.
    private static func process(_ id: Int) -> (id: UInt32, groups: Set<UInt32>)? {
        guard let bytes = try? DurableFiles.read("/proc/\(id)/status", limit: 1 << 20) else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        func numbers(_ name: String) -> [UInt32] {
            lines.first { $0.hasPrefix(name + ":") }?.dropFirst(name.count + 1).split(whereSeparator: \.isWhitespace).compactMap {
                UInt32($0)
            }
                ?? []
        }
        // A number that has gone to another program since says nothing.
        guard lines.first?.hasSuffix("talad") == true, let user = numbers("Uid").first, let group = numbers("Gid").first else { return nil }
        return (user, Set(numbers("Groups") + [group]))
    }

    private static func name(_ id: UInt32) -> String { SystemAccounts.name(ofUser: id) ?? "\(id)" }

    package struct Rights: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let read = Rights(rawValue: 4)
        package static let write = Rights(rawValue: 2)
        package static let pass = Rights(rawValue: 1)
    }

    /// The first file or folder on the way to a path that keeps this user from it, a sentence; nil
    /// where nothing does. Access control lists are not looked at.
    package func obstacle(to path: String, _ wanted: Rights) -> String? {
        guard let real = realpath(path, nil) else { return "\(path): \(String(cString: strerror(errno)))" }
        defer { free(real) }
        let parts = String(cString: real).split(separator: "/")
        var place = ""
        for (index, part) in ([""] + parts.map(String.init)).enumerated() {
            place = index == 0 ? "/" : (place == "/" ? "" : place) + "/" + part
            let isLast = index == parts.count
            if let lack = lack(place, isLast ? wanted : .pass) { return lack }
        }
        return nil
    }

    private func lack(_ path: String, _ wanted: Rights) -> String? {
        var information = stat()
        guard stat(path, &information) == 0 else { return "\(path): \(String(cString: strerror(errno)))" }
        guard id != 0 else { return nil }
        let shift: UInt32 = information.st_uid == id ? 6 : groups.contains(information.st_gid) ? 3 : 0
        let missing = wanted.subtracting(Rights(rawValue: information.st_mode >> shift & 7))
        guard !missing.isEmpty else { return nil }
        let verb = missing.contains(.pass) ? "enter" : missing.contains(.write) ? "write into" : "read"
        let mode = String(information.st_mode & 0o7777, radix: 8)
        let owner = Self.name(information.st_uid)
        let group = SystemAccounts.name(ofGroup: information.st_gid) ?? "\(information.st_gid)"
        return "\(name) may not \(verb) \(path) (mode \(mode), \(owner):\(group))"
    }
}
