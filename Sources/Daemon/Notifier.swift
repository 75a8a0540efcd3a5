import Glibc
import Spool

/// Tells systemd how the daemon is: one datagram to the socket that `NOTIFY_SOCKET` names
/// (sd_notify(3)).
struct Notifier {
    private let address: String?

    init() { address = getenv("NOTIFY_SOCKET").map { String(cString: $0) } }

    func send(_ message: String) {
        guard let address else { return }
        _ = Datagram.send(Array(message.utf8), to: address)
    }

    /// Says that the configuration is being read again; `READY=1` ends it.
    func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        send("RELOADING=1\nMONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)")
    }
}
