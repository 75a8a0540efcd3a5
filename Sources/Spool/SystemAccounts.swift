import Glibc

/// Users and groups of the system, as the C library finds them.
package enum SystemAccounts {
    /// The number of a user, nil where there is none of the name.
    package static func user(_ name: String) -> UInt32? {
        entry(of: passwd()) {
            getpwnam_r(name, $0, $1, $2, $3)
        } value: {
            $0.pw_uid
        }
    }

    /// The number of a group, nil where there is none of the name.
    package static func group(_ name: String) -> UInt32? {
        entry(of: Glibc.group()) {
            getgrnam_r(name, $0, $1, $2, $3)
        } value: {
            $0.gr_gid
        }
    }

    /// A user's name, nil where there is none.
    package static func name(ofUser id: UInt32) -> String? {
        entry(of: passwd()) {
            getpwuid_r(id, $0, $1, $2, $3)
        } value: {
            $0.pw_name.map { String(cString: $0) }
        } ?? nil
    }

    /// A group's name, nil where there is none.
    package static func name(ofGroup id: UInt32) -> String? {
        entry(of: Glibc.group()) {
            getgrgid_r(id, $0, $1, $2, $3)
        } value: {
            $0.gr_name.map { String(cString: $0) }
        } ?? nil
    }

    /// The groups of a user, the first one among them; nil where there is no such user.
    package static func groups(ofUser id: UInt32) -> Set<UInt32>? {
        let found: (name: String, group: UInt32)?? = entry(of: passwd()) {
            getpwuid_r(id, $0, $1, $2, $3)
        } value: { record in
            record.pw_name.map { (String(cString: $0), record.pw_gid) }
        }
        guard case let (name, first)?? = found else { return nil }
        var count: Int32 = 64
        for _ in 0..<8 {
            var groups = [gid_t](repeating: 0, count: Int(count))
            let room = count
            if getgrouplist(name, first, &groups, &count) >= 0 { return Set(groups.prefix(Int(count))).union([first]) }
            // The count that is needed is said; who is in more groups meanwhile asks once more.
            count = max(count, room * 2)
        }
        return [first]
    }

    /// An entry of a database. Its texts lie in a buffer that lives as long as `value` runs and
    /// grows until the entry fits: a group may have thousands of members.
    private static func entry<Record, Value>(
        of empty: Record,
        _ look: (UnsafeMutablePointer<Record>, UnsafeMutablePointer<CChar>, Int, UnsafeMutablePointer<UnsafeMutablePointer<Record>?>) ->
            Int32,
        value: (Record) -> Value
    ) -> Value? {
        var size = 1 << 14
        while size <= 1 << 24 {
            let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
            defer { buffer.deallocate() }
            var record = empty
            var found: UnsafeMutablePointer<Record>?
            let code = look(&record, buffer, size, &found)
            if code != ERANGE { return code == 0 && found != nil ? value(record) : nil }
            size *= 4
        }
        return nil
    }
}
