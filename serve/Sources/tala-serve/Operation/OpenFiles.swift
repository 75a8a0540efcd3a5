import Foundation

/// How many connections may be open, so that none fails for want of a descriptor: each may have a
/// file besides its socket. More wait until the system's queue is full.
enum OpenFiles {
    /// What engines, keys and logs need.
    private static let own = 128

    /// Asks for as many descriptors as this process may have, some thousands at most.
    static let connectionLimit: Int = {
        var limits = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits) == 0 else { return 256 }
        let wanted = min(limits.rlim_max, max(limits.rlim_cur, 4_096))
        var raised = limits
        raised.rlim_cur = wanted
        let count = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 ? wanted : limits.rlim_cur
        return max(16, (Int(clamping: count) - own) / 2)
    }()
}
