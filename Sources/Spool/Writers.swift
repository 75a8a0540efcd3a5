import CLinux
import Glibc

/// Asks the kernel whether a process has a file open for writing.
enum Writers {
    /// Network and user-space file systems give no leases even where there is no writer.
    private static let withoutLeases: Set<Int> = [0x6969, 0xFF53_4D42, 0x6573_5546]

    /// Whether a process has this open file open for writing; nil where the kernel does not say: on
    /// some file systems, and of other users' files unless one has CAP_LEASE.
    static func hasOne(_ descriptor: Int32) -> Bool? {
        var information = statfs()
        guard fstatfs(descriptor, &information) == 0, !withoutLeases.contains(Int(information.f_type)) else { return nil }
        if tala_has_no_writer(descriptor) == 0 { return false }
        return errno == EAGAIN ? true : nil
    }
}
