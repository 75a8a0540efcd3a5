import CLinux
import Glibc

/// A POSIX access control list (acl(5)) as the kernel stores it, and what it grants.
struct AccessControlList: Sendable, Hashable {
    struct Entry: Sendable, Hashable {
        enum Tag: UInt16, Sendable { case owner = 1, user = 2, group = 4, namedGroup = 8, mask = 16, other = 32 }
        var tag: Tag
        /// Read 4, write 2, search 1.
        var permissions: UInt16
        /// The user or group id of named entries.
        var id: UInt32 = .max
    }
    var entries: [Entry]

    /// Full rights for the owner of the file, reading and searching for one more user and for the
    /// group.
    init(readableBy user: UInt32) {
        entries = [
            Entry(tag: .owner, permissions: 7), Entry(tag: .user, permissions: 5, id: user), Entry(tag: .group, permissions: 5),
            Entry(tag: .mask, permissions: 5), Entry(tag: .other, permissions: 0),
        ]
    }

    /// The list of an attribute's bytes: version 2, then tag, permissions and id of each entry,
    /// little-endian.
    init?(_ bytes: [UInt8]) {
        func number(_ offset: Int, _ count: Int) -> UInt32 {
            (0..<count).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
        }
        guard bytes.count >= 4, bytes.count % 8 == 4, number(0, 4) == 2 else { return nil }
        entries = []
        for offset in stride(from: 4, to: bytes.count, by: 8) {
            guard let tag = Entry.Tag(rawValue: UInt16(truncatingIfNeeded: number(offset, 2))) else { return nil }
            entries.append(
                Entry(tag: tag, permissions: UInt16(truncatingIfNeeded: number(offset + 2, 2)), id: number(offset + 4, 4)))
        }
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = [2, 0, 0, 0]
        for entry in entries {
            for value in [entry.tag.rawValue, entry.permissions] { bytes += [UInt8(value & 0xFF), UInt8(value >> 8)] }
            bytes += (0..<4).map { UInt8(entry.id >> UInt32(8 * $0) & 0xFF) }
        }
        return bytes
    }

    /// The list of a file, or nil if its mode says all.
    init?(path: String) {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = getxattr(path, "system.posix_acl_access", &bytes, bytes.count)
        guard count > 0 else { return nil }
        self.init(Array(bytes.prefix(count)))
    }

    /// Puts the list on a folder and makes it the one that new files in it begin with.
    /// - Returns: false if the file system has no such lists.
    func apply(toFolder path: String) -> Bool {
        let bytes = bytes
        return setxattr(path, "system.posix_acl_access", bytes, bytes.count, 0) == 0
            && setxattr(path, "system.posix_acl_default", bytes, bytes.count, 0) == 0
    }

    /// Whether anyone but the file's owner has a permission.
    func grants(_ wanted: UInt16, user: UInt32, groups: Set<UInt32>, fileGroup: UInt32) -> Bool {
        let mask = entries.first { $0.tag == .mask }?.permissions ?? 7
        if let named = entries.first(where: { $0.tag == .user && $0.id == user }) {
            return named.permissions & mask & wanted == wanted
        }
        let matching = entries.filter {
            $0.tag == .group && groups.contains(fileGroup) || $0.tag == .namedGroup && groups.contains($0.id)
        }
        if !matching.isEmpty { return matching.contains { $0.permissions & mask & wanted == wanted } }
        return (entries.first { $0.tag == .other }?.permissions ?? 0) & wanted == wanted
    }
}
